"""How peers talk: sans-IO protocol sessions. Bytes in, events out; replies in, bytes out."""
