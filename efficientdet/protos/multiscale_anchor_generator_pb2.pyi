from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MultiscaleAnchorGenerator(_message.Message):
    __slots__ = ("min_level", "max_level", "anchor_scale", "aspect_ratios", "scales_per_octave", "normalize_coordinates", "anchor_order", "stride_rule")
    class AnchorOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        ASPECT_MAJOR: _ClassVar[MultiscaleAnchorGenerator.AnchorOrder]
        SCALE_MAJOR: _ClassVar[MultiscaleAnchorGenerator.AnchorOrder]
    ASPECT_MAJOR: MultiscaleAnchorGenerator.AnchorOrder
    SCALE_MAJOR: MultiscaleAnchorGenerator.AnchorOrder
    class StrideRule(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        POWER_OF_TWO: _ClassVar[MultiscaleAnchorGenerator.StrideRule]
        EXACT: _ClassVar[MultiscaleAnchorGenerator.StrideRule]
    POWER_OF_TWO: MultiscaleAnchorGenerator.StrideRule
    EXACT: MultiscaleAnchorGenerator.StrideRule
    MIN_LEVEL_FIELD_NUMBER: _ClassVar[int]
    MAX_LEVEL_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_SCALE_FIELD_NUMBER: _ClassVar[int]
    ASPECT_RATIOS_FIELD_NUMBER: _ClassVar[int]
    SCALES_PER_OCTAVE_FIELD_NUMBER: _ClassVar[int]
    NORMALIZE_COORDINATES_FIELD_NUMBER: _ClassVar[int]
    ANCHOR_ORDER_FIELD_NUMBER: _ClassVar[int]
    STRIDE_RULE_FIELD_NUMBER: _ClassVar[int]
    min_level: int
    max_level: int
    anchor_scale: float
    aspect_ratios: _containers.RepeatedScalarFieldContainer[float]
    scales_per_octave: int
    normalize_coordinates: bool
    anchor_order: MultiscaleAnchorGenerator.AnchorOrder
    stride_rule: MultiscaleAnchorGenerator.StrideRule
    def __init__(self, min_level: _Optional[int] = ..., max_level: _Optional[int] = ..., anchor_scale: _Optional[float] = ..., aspect_ratios: _Optional[_Iterable[float]] = ..., scales_per_octave: _Optional[int] = ..., normalize_coordinates: bool = ..., anchor_order: _Optional[_Union[MultiscaleAnchorGenerator.AnchorOrder, str]] = ..., stride_rule: _Optional[_Union[MultiscaleAnchorGenerator.StrideRule, str]] = ...) -> None: ...
