"""OnnxParser and ParserError: the file is really read, and the node that cannot be taken is named."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import operators
from .control import CONTROL
from .graph import Graph
from .world import WORLD, Behaviour

if TYPE_CHECKING:
    from .config import BuilderConfig
    from .network import Network


class OnnxParser(Behaviour):
    """Behaviour of `OnnxParser`."""

    path = "OnnxParser"

    def __init__(self, network: Network, logger: Any) -> None:
        super().__init__()
        self.network = network
        self.logger = logger
        self.errors: list[ParserError] = []
        self.flags = (
            1 << int(WORLD.enum("OnnxParserFlag", "NATIVE_INSTANCENORM")) if WORLD.number >= (10,) else 0
        )

    def parse(self, model: memoryview, path: str | None = None) -> bool:  # noqa: ARG002
        return self._take(bytes(model))

    def parse_from_file(self, model: str) -> bool:
        try:
            content = Path(model).read_bytes()
        except OSError:
            return self._fail("MODEL_DESERIALIZE_FAILED", f"Failed to open file: {model}")
        return self._take(content)

    def _take(self, content: bytes) -> bool:
        if self.network.has_implicit_batch_dimension:
            return self._fail(
                "INVALID_VALUE",
                "This version of the ONNX parser only supports TensorRT INetworkDefinitions with an explicit "
                "batch dimension. Please ensure the network was created using the EXPLICIT_BATCH flag.",
            )
        try:
            graph = Graph(content)
        except Exception:  # protobuf's and onnx's own
            return self._fail("MODEL_DESERIALIZE_FAILED", "Failed to parse ONNX model from buffer")
        if CONTROL.fails("parse"):
            return self._fail("UNSUPPORTED_NODE", "a failure that the test asked for", graph, 0)
        refused = operators.refusals(graph, WORLD.number)
        for index, reason in refused:
            self._fail("UNSUPPORTED_NODE", reason, graph, index)
        if not refused:
            self.network.fill(graph)
        return not refused

    def _fail(self, code: str, message: str, graph: Graph | None = None, node: int = -1) -> bool:
        self.errors.append(ParserError(code, message, graph, node))
        error = self.errors[-1]
        where = f"In node {node} with name: {error.node_name()} and operator: {error.node_operator()} "
        WORLD.refuse(
            self.logger,
            f"ModelImporter.cpp:{error.line()}: ERROR: {where if graph else ''}{message}",
        )
        return False

    def deleted(self) -> None:
        self.network.parser_is_gone = True

    @property
    def num_errors(self) -> int:
        return len(self.errors)

    def get_error(self, index: int) -> ParserError | None:
        return self.errors[index] if 0 <= index < len(self.errors) else None

    def clear_errors(self) -> None:
        self.errors.clear()

    def supports_operator(self, op_name: str) -> bool:
        return operators.is_known(op_name, WORLD.number)

    def set_flag(self, flag: Any) -> None:
        self.flags |= 1 << int(flag)

    def clear_flag(self, flag: Any) -> None:
        self.flags &= ~(1 << int(flag))

    def get_flag(self, flag: Any) -> bool:
        return bool(self.flags >> int(flag) & 1)

    def set_builder_config(self, builder_config: BuilderConfig) -> bool:
        return builder_config.builder is self.network.builder

    def supports_model_v2(self, model: memoryview, path: str | None = None) -> bool:  # noqa: ARG002
        return not operators.refusals(Graph(bytes(model)), WORLD.number)

    def get_used_vc_plugin_libraries(self) -> list[str]:
        return []


class ParserError(Behaviour):
    """Behaviour of `ParserError`."""

    path = "ParserError"

    def __init__(self, code: str, message: str, graph: Graph | None, node: int) -> None:
        super().__init__()
        self._code, self._message, self._graph, self._node = code, message, graph, node

    def code(self) -> Any:
        return WORLD.enum("ErrorCode", self._code)

    def desc(self) -> str:
        return self._message

    def file(self) -> str:
        return "ModelImporter.cpp"

    def line(self) -> int:
        return 836

    def func(self) -> str:
        return "parseNode" if self._graph else "parse"

    def node(self) -> int:
        return self._node

    def node_name(self) -> str:
        return self._graph.layer_names()[self._node] if self._graph else ""

    def node_operator(self) -> str:
        return self._graph.nodes[self._node].op_type if self._graph else ""

    def local_function_stack(self) -> list[str]:
        return []

    def local_function_stack_size(self) -> int:
        return 0

    def __str__(self) -> str:
        return f"In node {self._node} ({self.func()}): {self._code}: {self._message}"
