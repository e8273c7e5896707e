"""What is fed: each module lists its targets as TARGETS = {name: (function of octets, seeds)}."""
