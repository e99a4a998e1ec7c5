"""Side-by-side measurements: what they compare, they run in turn. Never part of the tests."""
