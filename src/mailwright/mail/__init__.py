"""What a message is: bytes in, values out. Pure; imports nothing else of the package."""
