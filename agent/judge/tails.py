"""Detects noise with heavy tails, such as that of a time, from gains that were discarded.

Student's t assumes normal noise. With outliers, one lucky run looks like a gain beyond doubt; a
second pair reveals it. (Later looks keep to the error budget: an outlier inflates the estimated
noise as well. Trimmed means of three to six pairs were tried, and gained no power.) The paired
noise of a night has some ten degrees of freedom, too few to show its tails. There are more screens:
a gain that was discarded later was noise. The test is Geary's ratio (Biometrika 1935), the mean
absolute deviation over the root mean square: 0.80 for normal noise, less for heavier tails.
"""

from collections.abc import Sequence
from math import pi, sqrt
from statistics import fmean

NORMAL_RATIO = sqrt(2 / pi)
# Fewer gains are too few to tell.
MIN_GAINS = 5


def is_heavy(gains: Sequence[float]) -> bool:
    """Return whether discarded gains seem to have heavier tails than normal noise.

    This is true of half of all nights with normal noise, which costs one pair for each keep.
    """
    if len(gains) < MIN_GAINS or not any(gains):
        return False
    ratio = fmean(map(abs, gains)) / sqrt(fmean(gain**2 for gain in gains))
    return ratio < NORMAL_RATIO
