"""What pairs and answers count, by what was said of the places that were named and by the chances that they had."""

from collections.abc import Mapping

from training.online.feedback import Feedback, Shown
from training.online.learner import MOST


def other_of(line: Feedback) -> Shown:
    """The first disliked place, else the first that was named and not visited."""
    others = [one for one in line.shown if one.poi_id != line.visited]
    return next((one for one in others if one.poi_id in line.disliked), others[0])


def weight_of(line: Feedback) -> float:
    """What a pair counts, since chance decided whether both places were named."""
    [visited] = [one.propensity for one in line.shown if one.poi_id == line.visited]
    return min(1 / (visited * other_of(line).propensity), MOST)


def rewards_of(line: Feedback, names: Mapping[str, str]) -> dict[str, float]:
    """What answers earn: the visited place 1, a disliked one -1, each divided by the chance that it had to be named.

    Other places are not in it, and earn 0.
    """
    told = dict.fromkeys(line.disliked, -1.0) | {str(line.visited): 1.0}
    return {
        names[one.poi_id]: told[one.poi_id] * min(1 / one.propensity, MOST) for one in line.shown if one.poi_id in told
    }
