"""Heavy tails: noise with outliers, such as a time's, told from the gains that came to nothing.

Student's t takes noise for normal. With outliers, one lucky run passes for a gain beyond doubt; a
second pair shows it. (The looks themselves hold the error budget: an outlier inflates the noise
that a mean is held to. Trimmed means of three to six pairs were tried, and gained no power.) A
night has some ten degrees of freedom of paired noise, too few to tell tails from. It has more
screens: what looked better once and was discarded is noise. Its sign is Geary's ratio (Biometrika
1935), the mean size of a deviation over its root mean square: 0.80 for normal noise and less for
heavier tails.
"""

from collections.abc import Sequence
from math import pi, sqrt
from statistics import fmean

NORMAL_RATIO = sqrt(2 / pi)
# Fewer gains show no tails.
MIN_GAINS = 5


def is_heavy(gains: Sequence[float]) -> bool:
    """Return whether gains that came to nothing seem to have heavier tails than normal noise.

    Half of all nights with normal noise seem to, which costs one pair where something is kept.
    """
    if len(gains) < MIN_GAINS or not any(gains):
        return False
    ratio = fmean(map(abs, gains)) / sqrt(fmean(gain**2 for gain in gains))
    return ratio < NORMAL_RATIO
