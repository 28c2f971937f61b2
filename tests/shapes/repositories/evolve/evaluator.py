"""
Evaluator for the function minimization example
"""

import importlib.util
import time
import traceback

import numpy as np

GLOBAL_MIN_VALUE = -1.519


def evaluate(program_path):
    """
    Evaluate the program by running it multiple times.

    Returns:
        Dictionary of metrics
    """
    try:
        spec = importlib.util.spec_from_file_location("program", program_path)
        program = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(program)
        values, times = [], []
        for trial in range(10):
            start = time.time()
            x, y, value = program.run_search()
            values.append(float(value))
            times.append(time.time() - start)
        value_score = float(1 / (1 + abs(np.mean(values) - GLOBAL_MIN_VALUE)))
        speed_score = float(min(1 / np.mean(times), 10) / 10)
        return {
            "value_score": value_score,
            "speed_score": speed_score,
            "combined_score": 0.9 * value_score + 0.1 * speed_score,
        }
    except Exception as e:
        print(f"Evaluation failed completely: {e}")
        traceback.print_exc()
        return {"combined_score": 0.0, "error": str(e)}


def evaluate_stage1(program_path):
    return evaluate(program_path)
