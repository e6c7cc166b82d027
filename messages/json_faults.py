"""What is wrong with a text that is no JSON, in whole sentences with what to do about it."""

from json import JSONDecodeError

_FAULTS = {
    "Unterminated string": "the text that begins here has no closing quote;"
    ' within it write \\" for a quote and \\\\ for a backslash',
    "Invalid \\escape": "a backslash before a character that takes none; write \\\\ for a backslash",
    "Invalid \\uXXXX escape": "\\u without four hexadecimal digits; write \\\\ for a backslash",
    "Extra data": "something stands behind the end of the JSON",
    "Expecting ',' delimiter": "a comma or a closing bracket is missing, or a quote within a text lacks its \\",
    "Expecting ':' delimiter": 'a colon is missing; write "key": value',
    "Expecting value": "here must be a value; texts stand in double quotes",
    "Expecting property name": "here must be a key in double quotes; no comma stands before a closing brace",
    "Illegal trailing comma": "a comma stands before a closing bracket; take it out",
}
"""How the message of Python's reader begins -> what is wrong."""
_NAMES = {"\t": "a tab; write \\t", "\n": "a line break; write \\n", "\r": "a line break; write \\n"}


def describe_json_fault(fault: Exception) -> str:
    """Say what is wrong, and where in the line if that is known."""
    if isinstance(fault, JSONDecodeError):
        return f"at column {fault.colno}: {_describe(fault)}"
    if isinstance(fault, RecursionError):
        return "(it is nested too deeply)"
    return "(a number has thousands of digits)" if "integer string conversion" in str(fault) else f"({fault})"


def _describe(fault: JSONDecodeError) -> str:
    if fault.msg.startswith("Invalid control character"):
        char = fault.doc[fault.pos]
        return "a text holds " + _NAMES.get(char, f"a control character; write \\u{ord(char):04x}")
    return next((told for sign, told in _FAULTS.items() if fault.msg.startswith(sign)), fault.msg)
