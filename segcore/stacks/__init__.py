"""Image stacks of any format, read and written a slice at a time."""
