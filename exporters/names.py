"""Names of the attributes of spans. Both vocabularies are still in development: a renamed one is changed here alone.

Source: OpenTelemetry semantic conventions for generative AI (`gen_ai.*`, `error.type`); OpenInference (the other names
without `evokd.`). The deprecated `gen_ai.system`, `gen_ai.prompt` and `gen_ai.completion` are not used.
"""

# ------------------------------------------------------------------------------------------------ generative AI

OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
AGENT = "gen_ai.agent.name"
CONVERSATION = "gen_ai.conversation.id"
REQUEST_MODEL = "gen_ai.request.model"
REQUEST_SEED = "gen_ai.request.seed"
REQUEST_TEMPERATURE = "gen_ai.request.temperature"
REQUEST_MAX_TOKENS = "gen_ai.request.max_tokens"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
INPUT_MESSAGES = "gen_ai.input.messages"
OUTPUT_MESSAGES = "gen_ai.output.messages"
SYSTEM_INSTRUCTIONS = "gen_ai.system_instructions"
EVALUATION = "gen_ai.evaluation.result"
"""Name of the event that holds the three below."""
EVALUATION_NAME = "gen_ai.evaluation.name"
EVALUATION_SCORE = "gen_ai.evaluation.score.value"
EVALUATION_LABEL = "gen_ai.evaluation.score.label"
ERROR_TYPE = "error.type"

CHAT = "chat"
INVOKE_AGENT = "invoke_agent"
INVOKE_WORKFLOW = "invoke_workflow"

# ------------------------------------------------------------------------------------------------ OpenInference

KIND = "openinference.span.kind"
PROJECT = "openinference.project.name"
"""An attribute of the resource: the project under which Phoenix files a trace."""
SESSION = "session.id"
MODEL = "llm.model_name"
INVOCATION = "llm.invocation_parameters"
PROMPT_TOKENS = "llm.token_count.prompt"
COMPLETION_TOKENS = "llm.token_count.completion"
TOTAL_TOKENS = "llm.token_count.total"
COST = "llm.cost.total"
TEMPLATE_VERSION = "llm.prompt_template.version"
INPUT = "input.value"
INPUT_TYPE = "input.mime_type"
OUTPUT = "output.value"
OUTPUT_TYPE = "output.mime_type"
METADATA = "metadata"

CHAIN = "CHAIN"
AGENT_KIND = "AGENT"
LLM = "LLM"
EVALUATOR = "EVALUATOR"


def input_message(number: int, part: str) -> str:
    """Name a part (`role` or `content`) of the message with this number, from 0."""
    return f"llm.input_messages.{number}.message.{part}"


def output_message(number: int, part: str) -> str:
    """Name a part (`role` or `content`) of the reply with this number, from 0."""
    return f"llm.output_messages.{number}.message.{part}"


def own(name: str) -> str:
    """Name something that neither vocabulary knows."""
    return f"evokd.{name}"
