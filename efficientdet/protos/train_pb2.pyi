from efficientdet.protos import optimizer_pb2 as _optimizer_pb2
from efficientdet.protos import preprocessor_pb2 as _preprocessor_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CheckpointVersion(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    UNKNOWN: _ClassVar[CheckpointVersion]
    V1: _ClassVar[CheckpointVersion]
    V2: _ClassVar[CheckpointVersion]

class Precision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FLOAT32: _ClassVar[Precision]
    BFLOAT16: _ClassVar[Precision]
    FLOAT16: _ClassVar[Precision]

class RecomputedPart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    FIRST_STAGES: _ClassVar[RecomputedPart]
    BACKBONE: _ClassVar[RecomputedPart]
    PYRAMID: _ClassVar[RecomputedPart]
    HEADS: _ClassVar[RecomputedPart]

class NormalizerScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    GLOBAL_BATCH: _ClassVar[NormalizerScope]
    REPLICA: _ClassVar[NormalizerScope]

class CheckpointWeights(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AVERAGED: _ClassVar[CheckpointWeights]
    TRAINED: _ClassVar[CheckpointWeights]
UNKNOWN: CheckpointVersion
V1: CheckpointVersion
V2: CheckpointVersion
FLOAT32: Precision
BFLOAT16: Precision
FLOAT16: Precision
FIRST_STAGES: RecomputedPart
BACKBONE: RecomputedPart
PYRAMID: RecomputedPart
HEADS: RecomputedPart
GLOBAL_BATCH: NormalizerScope
REPLICA: NormalizerScope
AVERAGED: CheckpointWeights
TRAINED: CheckpointWeights

class TrainConfig(_message.Message):
    __slots__ = ("batch_size", "data_augmentation_options", "sync_replicas", "keep_checkpoint_every_n_hours", "optimizer", "gradient_clipping_by_norm", "fine_tune_checkpoint", "fine_tune_checkpoint_type", "fine_tune_checkpoint_version", "from_detection_checkpoint", "load_all_detection_checkpoint_vars", "run_fine_tune_checkpoint_dummy_computation", "num_steps", "startup_delay_steps", "bias_grad_multiplier", "update_trainable_variables", "freeze_variables", "replicas_to_aggregate", "batch_queue_capacity", "num_batch_queue_threads", "prefetch_queue_capacity", "merge_multiple_label_boxes", "use_multiclass_scores", "add_regularization_loss", "max_number_of_boxes", "unpad_groundtruth_tensors", "retain_original_images", "use_bfloat16", "summarize_gradients", "seed", "checkpoint_interval_steps", "max_checkpoints_to_keep", "gradient_clipping_by_tensor_norm", "fine_tune_checkpoint_label_map_path", "fine_tune_checkpoint_weights", "fine_tune_min_backbone_share", "gradient_clipping_by_value", "learning_rate_multipliers", "gradient_accumulation_steps", "precision", "recompute", "loss_normalizer_scope", "fault_handling", "early_stopping", "keep_best_checkpoint", "best_checkpoint_metric", "keep_checkpoint_every_n_steps", "max_hours", "schedule_start_step", "diagnostics_interval_steps", "kernels")
    BATCH_SIZE_FIELD_NUMBER: _ClassVar[int]
    DATA_AUGMENTATION_OPTIONS_FIELD_NUMBER: _ClassVar[int]
    SYNC_REPLICAS_FIELD_NUMBER: _ClassVar[int]
    KEEP_CHECKPOINT_EVERY_N_HOURS_FIELD_NUMBER: _ClassVar[int]
    OPTIMIZER_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIPPING_BY_NORM_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_CHECKPOINT_TYPE_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_CHECKPOINT_VERSION_FIELD_NUMBER: _ClassVar[int]
    FROM_DETECTION_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    LOAD_ALL_DETECTION_CHECKPOINT_VARS_FIELD_NUMBER: _ClassVar[int]
    RUN_FINE_TUNE_CHECKPOINT_DUMMY_COMPUTATION_FIELD_NUMBER: _ClassVar[int]
    NUM_STEPS_FIELD_NUMBER: _ClassVar[int]
    STARTUP_DELAY_STEPS_FIELD_NUMBER: _ClassVar[int]
    BIAS_GRAD_MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TRAINABLE_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    FREEZE_VARIABLES_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_TO_AGGREGATE_FIELD_NUMBER: _ClassVar[int]
    BATCH_QUEUE_CAPACITY_FIELD_NUMBER: _ClassVar[int]
    NUM_BATCH_QUEUE_THREADS_FIELD_NUMBER: _ClassVar[int]
    PREFETCH_QUEUE_CAPACITY_FIELD_NUMBER: _ClassVar[int]
    MERGE_MULTIPLE_LABEL_BOXES_FIELD_NUMBER: _ClassVar[int]
    USE_MULTICLASS_SCORES_FIELD_NUMBER: _ClassVar[int]
    ADD_REGULARIZATION_LOSS_FIELD_NUMBER: _ClassVar[int]
    MAX_NUMBER_OF_BOXES_FIELD_NUMBER: _ClassVar[int]
    UNPAD_GROUNDTRUTH_TENSORS_FIELD_NUMBER: _ClassVar[int]
    RETAIN_ORIGINAL_IMAGES_FIELD_NUMBER: _ClassVar[int]
    USE_BFLOAT16_FIELD_NUMBER: _ClassVar[int]
    SUMMARIZE_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    CHECKPOINT_INTERVAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_CHECKPOINTS_TO_KEEP_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIPPING_BY_TENSOR_NORM_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_CHECKPOINT_LABEL_MAP_PATH_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_CHECKPOINT_WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    FINE_TUNE_MIN_BACKBONE_SHARE_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_CLIPPING_BY_VALUE_FIELD_NUMBER: _ClassVar[int]
    LEARNING_RATE_MULTIPLIERS_FIELD_NUMBER: _ClassVar[int]
    GRADIENT_ACCUMULATION_STEPS_FIELD_NUMBER: _ClassVar[int]
    PRECISION_FIELD_NUMBER: _ClassVar[int]
    RECOMPUTE_FIELD_NUMBER: _ClassVar[int]
    LOSS_NORMALIZER_SCOPE_FIELD_NUMBER: _ClassVar[int]
    FAULT_HANDLING_FIELD_NUMBER: _ClassVar[int]
    EARLY_STOPPING_FIELD_NUMBER: _ClassVar[int]
    KEEP_BEST_CHECKPOINT_FIELD_NUMBER: _ClassVar[int]
    BEST_CHECKPOINT_METRIC_FIELD_NUMBER: _ClassVar[int]
    KEEP_CHECKPOINT_EVERY_N_STEPS_FIELD_NUMBER: _ClassVar[int]
    MAX_HOURS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_START_STEP_FIELD_NUMBER: _ClassVar[int]
    DIAGNOSTICS_INTERVAL_STEPS_FIELD_NUMBER: _ClassVar[int]
    KERNELS_FIELD_NUMBER: _ClassVar[int]
    batch_size: int
    data_augmentation_options: _containers.RepeatedCompositeFieldContainer[_preprocessor_pb2.PreprocessingStep]
    sync_replicas: bool
    keep_checkpoint_every_n_hours: float
    optimizer: _optimizer_pb2.Optimizer
    gradient_clipping_by_norm: float
    fine_tune_checkpoint: str
    fine_tune_checkpoint_type: str
    fine_tune_checkpoint_version: CheckpointVersion
    from_detection_checkpoint: bool
    load_all_detection_checkpoint_vars: bool
    run_fine_tune_checkpoint_dummy_computation: bool
    num_steps: int
    startup_delay_steps: float
    bias_grad_multiplier: float
    update_trainable_variables: _containers.RepeatedScalarFieldContainer[str]
    freeze_variables: _containers.RepeatedScalarFieldContainer[str]
    replicas_to_aggregate: int
    batch_queue_capacity: int
    num_batch_queue_threads: int
    prefetch_queue_capacity: int
    merge_multiple_label_boxes: bool
    use_multiclass_scores: bool
    add_regularization_loss: bool
    max_number_of_boxes: int
    unpad_groundtruth_tensors: bool
    retain_original_images: bool
    use_bfloat16: bool
    summarize_gradients: bool
    seed: int
    checkpoint_interval_steps: int
    max_checkpoints_to_keep: int
    gradient_clipping_by_tensor_norm: float
    fine_tune_checkpoint_label_map_path: str
    fine_tune_checkpoint_weights: CheckpointWeights
    fine_tune_min_backbone_share: float
    gradient_clipping_by_value: float
    learning_rate_multipliers: _containers.RepeatedCompositeFieldContainer[LearningRateMultiplier]
    gradient_accumulation_steps: int
    precision: Precision
    recompute: _containers.RepeatedScalarFieldContainer[RecomputedPart]
    loss_normalizer_scope: NormalizerScope
    fault_handling: FaultHandling
    early_stopping: EarlyStopping
    keep_best_checkpoint: bool
    best_checkpoint_metric: str
    keep_checkpoint_every_n_steps: int
    max_hours: float
    schedule_start_step: int
    diagnostics_interval_steps: int
    kernels: TrainingKernels
    def __init__(self, batch_size: _Optional[int] = ..., data_augmentation_options: _Optional[_Iterable[_Union[_preprocessor_pb2.PreprocessingStep, _Mapping]]] = ..., sync_replicas: bool = ..., keep_checkpoint_every_n_hours: _Optional[float] = ..., optimizer: _Optional[_Union[_optimizer_pb2.Optimizer, _Mapping]] = ..., gradient_clipping_by_norm: _Optional[float] = ..., fine_tune_checkpoint: _Optional[str] = ..., fine_tune_checkpoint_type: _Optional[str] = ..., fine_tune_checkpoint_version: _Optional[_Union[CheckpointVersion, str]] = ..., from_detection_checkpoint: bool = ..., load_all_detection_checkpoint_vars: bool = ..., run_fine_tune_checkpoint_dummy_computation: bool = ..., num_steps: _Optional[int] = ..., startup_delay_steps: _Optional[float] = ..., bias_grad_multiplier: _Optional[float] = ..., update_trainable_variables: _Optional[_Iterable[str]] = ..., freeze_variables: _Optional[_Iterable[str]] = ..., replicas_to_aggregate: _Optional[int] = ..., batch_queue_capacity: _Optional[int] = ..., num_batch_queue_threads: _Optional[int] = ..., prefetch_queue_capacity: _Optional[int] = ..., merge_multiple_label_boxes: bool = ..., use_multiclass_scores: bool = ..., add_regularization_loss: bool = ..., max_number_of_boxes: _Optional[int] = ..., unpad_groundtruth_tensors: bool = ..., retain_original_images: bool = ..., use_bfloat16: bool = ..., summarize_gradients: bool = ..., seed: _Optional[int] = ..., checkpoint_interval_steps: _Optional[int] = ..., max_checkpoints_to_keep: _Optional[int] = ..., gradient_clipping_by_tensor_norm: _Optional[float] = ..., fine_tune_checkpoint_label_map_path: _Optional[str] = ..., fine_tune_checkpoint_weights: _Optional[_Union[CheckpointWeights, str]] = ..., fine_tune_min_backbone_share: _Optional[float] = ..., gradient_clipping_by_value: _Optional[float] = ..., learning_rate_multipliers: _Optional[_Iterable[_Union[LearningRateMultiplier, _Mapping]]] = ..., gradient_accumulation_steps: _Optional[int] = ..., precision: _Optional[_Union[Precision, str]] = ..., recompute: _Optional[_Iterable[_Union[RecomputedPart, str]]] = ..., loss_normalizer_scope: _Optional[_Union[NormalizerScope, str]] = ..., fault_handling: _Optional[_Union[FaultHandling, _Mapping]] = ..., early_stopping: _Optional[_Union[EarlyStopping, _Mapping]] = ..., keep_best_checkpoint: bool = ..., best_checkpoint_metric: _Optional[str] = ..., keep_checkpoint_every_n_steps: _Optional[int] = ..., max_hours: _Optional[float] = ..., schedule_start_step: _Optional[int] = ..., diagnostics_interval_steps: _Optional[int] = ..., kernels: _Optional[_Union[TrainingKernels, _Mapping]] = ...) -> None: ...

class TrainingKernels(_message.Message):
    __slots__ = ("silu", "pointwise", "depthwise", "focal")
    class Form(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        AUTO: _ClassVar[TrainingKernels.Form]
        FAST: _ClassVar[TrainingKernels.Form]
        PLAIN: _ClassVar[TrainingKernels.Form]
    AUTO: TrainingKernels.Form
    FAST: TrainingKernels.Form
    PLAIN: TrainingKernels.Form
    SILU_FIELD_NUMBER: _ClassVar[int]
    POINTWISE_FIELD_NUMBER: _ClassVar[int]
    DEPTHWISE_FIELD_NUMBER: _ClassVar[int]
    FOCAL_FIELD_NUMBER: _ClassVar[int]
    silu: TrainingKernels.Form
    pointwise: TrainingKernels.Form
    depthwise: TrainingKernels.Form
    focal: TrainingKernels.Form
    def __init__(self, silu: _Optional[_Union[TrainingKernels.Form, str]] = ..., pointwise: _Optional[_Union[TrainingKernels.Form, str]] = ..., depthwise: _Optional[_Union[TrainingKernels.Form, str]] = ..., focal: _Optional[_Union[TrainingKernels.Form, str]] = ...) -> None: ...

class FaultHandling(_message.Message):
    __slots__ = ("action", "max_recoveries", "rate_factor", "max_loss_jump", "watch_gradients")
    class Action(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STOP: _ClassVar[FaultHandling.Action]
        SKIP_BATCH: _ClassVar[FaultHandling.Action]
        LOWER_RATE: _ClassVar[FaultHandling.Action]
    STOP: FaultHandling.Action
    SKIP_BATCH: FaultHandling.Action
    LOWER_RATE: FaultHandling.Action
    ACTION_FIELD_NUMBER: _ClassVar[int]
    MAX_RECOVERIES_FIELD_NUMBER: _ClassVar[int]
    RATE_FACTOR_FIELD_NUMBER: _ClassVar[int]
    MAX_LOSS_JUMP_FIELD_NUMBER: _ClassVar[int]
    WATCH_GRADIENTS_FIELD_NUMBER: _ClassVar[int]
    action: FaultHandling.Action
    max_recoveries: int
    rate_factor: float
    max_loss_jump: float
    watch_gradients: bool
    def __init__(self, action: _Optional[_Union[FaultHandling.Action, str]] = ..., max_recoveries: _Optional[int] = ..., rate_factor: _Optional[float] = ..., max_loss_jump: _Optional[float] = ..., watch_gradients: bool = ...) -> None: ...

class EarlyStopping(_message.Message):
    __slots__ = ("metric", "patience", "min_delta")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    PATIENCE_FIELD_NUMBER: _ClassVar[int]
    MIN_DELTA_FIELD_NUMBER: _ClassVar[int]
    metric: str
    patience: int
    min_delta: float
    def __init__(self, metric: _Optional[str] = ..., patience: _Optional[int] = ..., min_delta: _Optional[float] = ...) -> None: ...

class LearningRateMultiplier(_message.Message):
    __slots__ = ("variables", "multiplier")
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    MULTIPLIER_FIELD_NUMBER: _ClassVar[int]
    variables: str
    multiplier: float
    def __init__(self, variables: _Optional[str] = ..., multiplier: _Optional[float] = ...) -> None: ...
