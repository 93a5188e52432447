"""For those who write plugins: contracts that a plugin must keep, and real parts to test against."""
