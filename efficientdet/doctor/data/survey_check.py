# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Everything that can be said of a data set once it has been surveyed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from efficientdet.data.faults import PICTURE_SIZE_DIFFERS, Fault
from efficientdet.data.label_map import LabelMap
from efficientdet.data.survey import Survey
from efficientdet.doctor.data.box_counts import check_box_counts
from efficientdet.doctor.data.box_origin import check_box_origin, without_explained
from efficientdet.doctor.data.box_sizes import check_box_sizes
from efficientdet.doctor.data.class_names import check_class_ids, check_class_names, meant_names
from efficientdet.doctor.data.class_shares import check_class_shares
from efficientdet.doctor.data.leaks import check_leaks, check_overlap
from efficientdet.doctor.data.limits import InputLimits
from efficientdet.doctor.data.observation import Observation, Totals, finding_of, observe_faults
from efficientdet.doctor.data.record_order import check_record_order
from efficientdet.doctor.data.sheets import draw_worst
from efficientdet.doctor.data.shifted import check_shift
from efficientdet.doctor.data.subject import Subject, drop_fix, picture_place
from efficientdet.doctor.data.tables import histograms_of, tables_of
from efficientdet.doctor.findings import Finding, Part, Severity, worst_first
from efficientdet.doctor.record_findings import missing_shards
from efficientdet.doctor.record_sets import look_at

_CHECKS = (check_class_shares, check_box_counts, check_box_sizes, check_leaks, check_shift, check_record_order)
_FEW = 0.1  # of the pictures, that a proposal may leave out
_NAMED = 4  # findings that the verdict names


def check_survey(
    survey: Survey,
    *,
    split_of: np.ndarray | None = None,
    split_names: Sequence[str] | None = None,
    label_map: LabelMap | None = None,
    limits: InputLimits | None = None,
    in_place: bool = False,
    seen: Sequence[Finding] = (),
) -> Part:
    """Checks a data set.

    Args:
      survey: of the data set, P pictures.
      split_of: int [P], index into `split_names`, -1 for pictures that go nowhere; None: the data set's own splits.
      split_names: what those are called; None: as in the data set.
      label_map: that class names are looked up in; None before there is one.
      limits: of the network's input; None where there is no config yet.
      in_place: a run reads the files as they are; otherwise an import writes them anew and mends on the way.
      seen: what has been found in its files already.

    Returns:
      Findings, tables, bars and a contact sheet; `Part.faults` are all cases, with what mends them.
    """
    splits = tuple(survey.splits if split_names is None else split_names)
    subject = Subject(survey, splits, survey.split_of if split_of is None else split_of, label_map, limits, in_place)
    meant = subject.respelled(meant_names(subject))
    observations = _observe(subject, meant)
    found = [finding_of(observation, in_place, survey.files) for observation in observations]
    findings = worst_first([*seen, *_missing_shards(subject), *found])
    faults = [fault for observation in observations for fault in observation.faults]
    return Part(
        "data",
        _verdict(findings, _contents(subject)),
        findings,
        tables_of(subject, meant),
        histograms_of(subject, meant),
        draw_worst(subject, findings, faults),
        tuple(faults),
    )


def _observe(subject: Subject, meant: Subject) -> list[Observation]:
    survey = subject.survey
    totals = Totals(
        pictures=len(survey),
        boxes=len(survey.boxes),
        classes=len(survey.class_names),
        files=len({picture_place(file)[0] for file in survey.files}),
    )
    found = list(check_box_origin(subject))
    raw = without_explained(survey.faults, found)
    if not subject.in_place:
        found += check_overlap(subject, totals)
    found += [observation for check in (check_class_ids, check_class_names) for observation in check(subject, totals)]
    found += [observation for check in _CHECKS for observation in check(meant, totals)]
    return [*observe_faults(_with_fixes(subject, raw), totals), *found]


def _missing_shards(subject: Subject) -> Iterator[Finding]:
    """Of records that are imported: where a config names the files, that is dealt with where it is read."""
    survey = subject.survey
    if survey.source.format == "tfrecord" and not subject.in_place:
        files = look_at(sorted({picture_place(file)[0] for file in survey.files}))
        if files.read < files.total:
            yield missing_shards(files, str(survey.source.root))


def _with_fixes(subject: Subject, faults: Sequence[Fault]) -> list[Fault]:
    """Leaves out pictures of another size than annotated, as long as they are few: their boxes are in doubt."""
    doubtful = [fault for fault in faults if fault.code == PICTURE_SIZE_DIFFERS and fault.row >= 0]
    if len(doubtful) > _FEW * len(subject.survey):
        return list(faults)
    return [
        fault._replace(fix=fault.fix or drop_fix(subject, fault.row)) if fault in doubtful else fault
        for fault in faults
    ]


def _contents(subject: Subject) -> str:
    survey = subject.survey
    splits = f" in {len(subject.splits)} splits" if len(subject.splits) > 1 else ""
    pictures, boxes, classes = len(survey), len(survey.boxes), len(survey.class_names)
    return f"{pictures:,} images{splits} with {boxes:,} boxes of {classes} class{'' if classes == 1 else 'es'}"


def _verdict(findings: Sequence[Finding], contents: str) -> str:
    """In words, the most costly first."""
    fatal = [finding for finding in findings if finding.severity == Severity.ERROR]
    costly = [finding for finding in findings if finding.severity == Severity.WARNING]
    if fatal:
        return f"{contents}. As they are, a run will fail or its figures will mean nothing: {_named(fatal)}."
    if costly:
        return f"{contents}. What costs precision or time: {_named(costly)}."
    things = "1 thing is" if len(findings) == 1 else f"{len(findings)} things are"
    notes = f", and {things} worth knowing" if findings else ""
    return f"{contents}. They look fine: nothing was found that would spoil a run{notes}."


def _named(findings: Sequence[Finding]) -> str:
    rest = f"; and {len(findings) - _NAMED} more" if len(findings) > _NAMED else ""
    return "; ".join(finding.title for finding in findings[:_NAMED]) + rest
