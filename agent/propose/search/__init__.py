"""Search methods over the constants, one file a method, and the mathematics that they share."""
