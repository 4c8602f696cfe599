"""How much of what was planted a clustering found, and how much it welded that does not belong together."""

from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

Label = Mapping[str, Any]


def judge(labels: Sequence[Label], clusters: Sequence[Hashable]) -> dict[str, float]:
    """Recall of each planted relation, of all of them, and the share of articles among strangers.

    `clusters[i]` is the cluster of the article that `labels[i]` describes. A variant is found if it is in one cluster
    with its original; an article is among strangers if its cluster holds an article of another family.
    """
    of_key = {label["key"]: cluster for label, cluster in zip(labels, clusters, strict=True)}
    found: dict[str, list[bool]] = defaultdict(list)
    families: dict[Hashable, set[str]] = defaultdict(set)
    for label, cluster in zip(labels, clusters, strict=True):
        families[cluster].add(label["family"])
        if label["parent"] in of_key:
            hit = of_key[label["parent"]] == cluster
            found[label["relation"]].append(hit)
            found["all"].append(hit)
    figures = {relation: round(sum(hits) / len(hits), 4) for relation, hits in sorted(found.items())}
    strangers = sum(len(families[cluster]) > 1 for cluster in clusters)
    return figures | {"strangers": round(strangers / max(1, len(clusters)), 4)}
