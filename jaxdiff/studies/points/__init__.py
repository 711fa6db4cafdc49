"""Points on a line: the whole engine in half a minute, without data."""
