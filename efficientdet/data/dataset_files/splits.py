# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Which picture is for training, which for validation, which for a test: as the data set says, or made here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from efficientdet.data.dataset_files.stratification import deal_out, gather_units
from efficientdet.data.importers.source import UNSPLIT
from efficientdet.data.importers.split_names import split_of as named_split
from efficientdet.data.survey import Survey
from efficientdet.data.survey.hashing import look_alikes
from efficientdet.errors import DataError, UsageError

SPLITS = ("train", "val", "test")
DEFAULT_SHARES = {"train": 0.8, "val": 0.2}

_TRAIN, _VAL = 0, 1
_LEFT_OUT = -1


class SplitPlan(NamedTuple):
    """Where each row of a survey goes.

    Attributes:
      names: those of SPLITS that get pictures, in this order.
      split_of: int64 [P], index into `names`; -1 for pictures that go nowhere.
      note: how it came about, a line for people.
    """

    names: tuple[str, ...]
    split_of: np.ndarray
    note: str

    def rows(self, name: str) -> np.ndarray:
        """int64 [n], the rows of one split, in the survey's order."""
        return np.flatnonzero(self.split_of == self.names.index(name))


def plan_splits(survey: Survey, shares: Mapping[str, float] | None = None, seed: int = 0) -> SplitPlan:
    """Decides where each picture goes.

    A data set's own splits are kept, by whatever name it has for train, val and test. One without a validation split
    gets it cut from its training split; one without either is dealt out as a whole: stratified by class, with pictures
    that are identical or look alike on one side. Fixes that move a picture have the last word.

    Args:
      survey: of the data set; pictures that cannot be used go nowhere.
      shares: to make splits anew, whatever the data set has; None for its own, or else DEFAULT_SHARES.
      seed: of the splits made here.

    Raises:
      UsageError: see `check_shares`.
      DataError: no picture can be used.
    """
    wanted = check_shares(DEFAULT_SHARES if shares is None else shares)
    if not survey.usable.any():
        raise DataError(f"{survey.source.root}: none of its {len(survey)} pictures can be used")
    own = _own_splits(survey)
    split_of = np.where(survey.usable, own[survey.split_of], _LEFT_OUT)
    moved = np.array([name not in survey.source.splits for name in survey.splits])[survey.split_of]
    sizes = np.bincount(split_of[(split_of >= 0) & ~moved], minlength=len(SPLITS))
    made = f"{_percents(wanted)}, by class, look-alikes together, seed {seed}"
    if shares is not None:
        pool, note = survey.usable.copy(), f"made here: {made}"
        split_of[:] = _LEFT_OUT
    elif not sizes[_TRAIN]:
        pool, note = survey.usable & ~moved, f"made here, for want of own ones: {made}"
        split_of[~moved] = _LEFT_OUT
    elif not sizes[_VAL]:
        pool, note = (split_of == _TRAIN) & ~moved, f"val is cut from the data set's train: {made}"
    else:
        pool, note = np.zeros(len(survey), bool), "as the data set has them"
    # A picture in two of the data set's lists may get into a split twice.
    _leave_out_repeats(survey, np.where(pool, len(SPLITS), split_of), split_of, pool)
    if pool.any():
        split_of[pool] = _deal_out(survey, np.flatnonzero(pool), wanted, seed)
    unused = np.bincount(survey.split_of[survey.usable & (split_of < 0)], minlength=len(survey.splits))
    left_out = [
        f"{number:,} of {repr(name) if name else 'no split'}"
        for name, number in zip(survey.splits, unused.tolist(), strict=True)
        if number
    ]
    return _plan(split_of, f"{note}; left out: {', '.join(left_out)}" if left_out else note)


def check_shares(shares: Mapping[str, float]) -> dict[str, float]:
    """Brings shares to a sum of 1 and into the order of SPLITS.

    Raises:
      UsageError: they are not of train, val and perhaps test, or their sum is neither 1 nor 100.
    """
    given = ", ".join(f"{name}={share:g}" for name, share in shares.items())
    if not set(SPLITS[:2]) <= shares.keys() <= set(SPLITS):
        raise UsageError(f"shares ({given}) must be of train and val, and of test if you like")
    total = sum(shares.values())
    if min(shares.values()) <= 0 or not any(abs(total - whole) < 1e-6 * whole for whole in (1, 100)):
        raise UsageError(f"shares ({given}) must be above 0 and have 1 (or 100) as their sum, not {total:g}")
    return {name: shares[name] / total for name in SPLITS if name in shares}


def _percents(shares: Mapping[str, float]) -> str:
    return ", ".join(f"{100 * share:.3g} % {name}" for name, share in shares.items())


def _own_splits(survey: Survey) -> np.ndarray:
    """int64 [S], an index into SPLITS for each split of the survey; -1 for one that is none of them."""
    found = {name: named_split(name) for name in survey.splits}
    if "train" not in found.values():  # the union of train and val, or what is in no split where others are
        rest = [name for name in found if "trainval" in name.lower()]
        rest += [UNSPLIT] if len(survey.source.splits) > 1 else []
        found |= {name: "train" for name in rest[:1] if name in found}
    return np.array([_LEFT_OUT if split is None else SPLITS.index(split) for split in found.values()])


def _leave_out_repeats(survey: Survey, side: np.ndarray, split_of: np.ndarray, pool: np.ndarray) -> None:
    """Takes a picture out of `split_of` and `pool` that stands on the same side (split or pool) a second time."""
    if len(survey.splits) == 1:
        return
    seen = set()
    for row in np.flatnonzero(side >= 0).tolist():
        key = (int(side[row]), survey.entries[row])
        if key in seen:
            split_of[row], pool[row] = _LEFT_OUT, False
        seen.add(key)


def _deal_out(survey: Survey, rows: np.ndarray, shares: Mapping[str, float], seed: int) -> np.ndarray:
    """Index into SPLITS for each of the rows."""
    groups = _groups(survey, rows)
    groups = _divide_giant(groups, max(1, round(len(rows) * min(shares.values()))))
    position = np.full(len(survey), -1)
    position[rows] = np.arange(len(rows))
    owners = position[survey.rows_of_boxes]
    is_here = owners >= 0
    units = gather_units(groups, owners[is_here], survey.box_classes[is_here], len(survey.class_names))
    dealt = deal_out(units, np.array(list(shares.values())), seed)
    return np.array([SPLITS.index(name) for name in shares])[dealt[groups]]


def _groups(survey: Survey, rows: np.ndarray) -> np.ndarray:
    """int64 [n], a number for each row, equal for pictures that are identical or look alike, by way of others too."""
    parent = np.arange(len(rows))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = int(parent[index])
        return index

    _, first, same = np.unique(survey.digests[rows], axis=0, return_index=True, return_inverse=True)
    identical = np.stack([np.arange(len(rows)), first[same.reshape(-1)]], axis=1)
    similar = look_alikes(survey.hashes[rows], survey.thumbnails[rows])
    for one, other in np.concatenate([identical, similar]).tolist():
        low, high = sorted((root(one), root(other)))
        parent[high] = low
    return np.unique([root(index) for index in range(len(rows))], return_inverse=True)[1].reshape(-1)


def _divide_giant(groups: np.ndarray, smallest: int) -> np.ndarray:
    """Divides a group that leaves next to nothing for the smallest split, such as a film of one scene.

    It is cut into runs of neighbours in the order of the data set, so that few of them end up on different sides.

    Args:
      groups: int64 [n].
      smallest: pictures that the smallest split is due.
    """
    sizes = np.bincount(groups)
    giant = int(np.argmax(sizes))
    if len(groups) - sizes[giant] >= smallest / 2 or sizes[giant] == 1:
        return groups
    members = np.flatnonzero(groups == giant)
    runs = np.arange(len(members)) // max(1, smallest // 2)
    divided = groups.copy()
    divided[members] = np.where(runs == 0, giant, len(sizes) + runs - 1)
    return divided


def _plan(split_of: np.ndarray, note: str) -> SplitPlan:
    used = [split for split in range(len(SPLITS)) if np.any(split_of == split)]
    index = np.full(len(SPLITS) + 1, _LEFT_OUT)
    index[used] = np.arange(len(used))
    return SplitPlan(tuple(SPLITS[split] for split in used), index[split_of], note)
