# Copyright 2026 The efficientdet authors. Licensed under the Apache License, Version 2.0.
"""Seconds, bytes, factors and shares as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Two units at most: "12.3 s", "21 min", "3 h 12 min", "4 d 3 h"."""
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    if seconds < 600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(round(seconds / 3600), 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def size(num_bytes: float) -> str:
    """In decimal units: "83 MB", "2.65 GB"."""
    for unit, factor, decimals in (("TB", 1e12, 2), ("GB", 1e9, 2), ("MB", 1e6, 0)):
        if num_bytes >= 0.9995 * factor:
            return f"{num_bytes / factor:.{decimals}f} {unit}"
    return f"{num_bytes / 1e3:.0f} kB"


def times(factor: float) -> str:
    """A factor: "8x", "1/20"."""
    if factor >= 0.95:
        return f"{factor:.3g}x" if factor < 9.5 else f"{factor:,.0f}x"
    return f"1/{1 / factor:,.0f}" if factor > 0 else "0"


def percent(share: float) -> str:
    """A share: "3 %", "0.4 %"."""
    return f"{100 * share:.0f} %" if share >= 0.0095 else f"{100 * share:.1g} %"


def percentage(share: float) -> float:
    """A share as a number for tables and charts, in percent: 84.9, 3.7, 0.041."""
    value = 100 * share
    return round(value, 1) if value >= 1 else float(f"{value:.2g}")


class Factor(float):
    """A factor in a table: a number to programs and to whoever sorts, `times` to readers."""

    __slots__ = ()
