"""Calls the compiled kernel: what evaluate.py asks for, in a sandbox of its own."""

import ctypes

import numpy as np


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Return the products of two stacks of square matrices."""
    function = ctypes.CDLL("./kernel").multiply
    out = np.zeros_like(left)
    size = left.shape[1]
    for place in range(len(left)):
        arrays = (left[place], right[place], out[place])
        function(size, *(array.ctypes.data_as(ctypes.c_void_p) for array in arrays))
    return out
