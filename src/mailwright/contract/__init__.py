"""What we promise: versioned JSON types and one row per operation. No server code."""
