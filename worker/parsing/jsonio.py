"""Decode JSON from anywhere: strictly and fast first, then forgiving what real files get wrong."""

import json
from typing import Any

import orjson


def loads(data: bytes | str) -> Any:
    """The value of a JSON text. Accepts, beside RFC 8259, lone surrogates, NaN and raw control characters in strings.

    Raises ValueError with a reason (syntax, nesting, encoding) that quotes nothing of the text.
    """
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        pass
    try:
        return json.loads(data, strict=False)
    except json.JSONDecodeError as error:
        raise ValueError(f"no valid JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise ValueError("JSON nested too deep") from None
    except UnicodeDecodeError:
        raise ValueError("JSON that is not valid UTF-8") from None
    except ValueError:  # what is left is Python's own limit (CVE-2020-10735)
        raise ValueError("JSON with a number of more than 4,300 digits") from None
