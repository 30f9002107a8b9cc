"""How many containers there are to be: what the files of deploy/scaling come to. Pure."""

import math
import re
from typing import Any

# As near to what is wanted Kubernetes leaves it as it is: --horizontal-pod-autoscaler-tolerance.
TOLERANCE = 0.1


def spec_of(given: dict[str, Any], name: str) -> dict[str, Any]:
    """Return what KEDA's form says in one of the two files that have it."""
    spec: dict[str, Any] = given[name]["spec"]
    return spec if name == "keda.yaml" else spec["scaledObjects"][0]["spec"]


def computed(expression: str, **metrics: float) -> int:
    """Return what an expression of Fly's comes to: the words that ours use are Python's, too."""
    assert set(re.findall(r"[a-z_]+", expression)) <= {"min", "max", "ceil", *metrics}
    words = {"min": min, "max": max, "ceil": math.ceil, "__builtins__": {}}
    return round(eval(expression, words, metrics))  # noqa: S307  words of our own file


def desired(spec: dict[str, Any], value: float) -> int:
    """Return how many replicas an AverageValue comes to, as Kubernetes has it."""
    (trigger,) = spec["triggers"]
    wanted = math.ceil(value / float(trigger["metadata"]["threshold"]) - 1e-9)
    return min(max(wanted, spec["minReplicaCount"]), spec["maxReplicaCount"])


class Replicas:
    """
    How many replicas there are, as Kubernetes's HPA decides it by a file of KEDA's form.

    Args:
        spec: The file's ``spec``.
        count: How many there are at first.
        second: How long a second of the file lasts, in those of the times that come in.
    """

    def __init__(self, spec: dict[str, Any], count: int, second: float = 1.0) -> None:
        self.count = count
        self._spec = spec
        self._second = second
        self._behavior = spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        # When, and how many were wanted; when, and by how many there were more.
        self._wanted: list[tuple[float, int]] = []
        self._changes: list[tuple[float, int]] = []

    def look(self, value: float, now: float) -> int:
        """Return how many there are to be, as the query has come to a value at a time."""
        (trigger,) = self._spec["triggers"]
        usage = value / float(trigger["metadata"]["threshold"]) / self.count
        near = abs(usage - 1) <= TOLERANCE
        self._wanted.append((now, self.count if near else desired(self._spec, value)))
        before, self.count = self.count, self._bounded(now)
        self._changes.append((now, self.count - before))
        return self.count

    def _bounded(self, now: float) -> int:
        up = min(self._lately(self._wanted, now, self._behavior["scaleUp"]))
        down = max(self._lately(self._wanted, now, self._behavior["scaleDown"]))
        if up > self.count:
            return min(up, max(self._limits("scaleUp", now)))
        if down < self.count:
            return max(down, min(self._limits("scaleDown", now)))
        return self.count

    def _limits(self, way: str, now: float) -> list[int]:
        """Return how far each policy lets it go: it counts from how many there were before."""
        sign = 1 if way == "scaleUp" else -1
        found = []
        for policy in self._behavior[way]["policies"]:
            changes = self._lately(self._changes, now, policy)
            start = self.count - sum(change for change in changes if change * sign > 0)
            step = policy["value"]
            if policy["type"] == "Percent":
                step = math.ceil(start * step / 100)
            found.append(start + sign * step)
        return found

    def _lately(self, told: list[tuple[float, int]], now: float, rule: dict[str, Any]) -> list[int]:
        """Return what was told within a rule's period or window, what is told now included."""
        seconds = rule["periodSeconds" if "periodSeconds" in rule else "stabilizationWindowSeconds"]
        return [what for at, what in told if at == now or now - at < seconds * self._second]
