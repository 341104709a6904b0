# SPDX-License-Identifier: MIT
"""The part of JSON Schema (draft 2020-12) that the schemas of docs use; any other keyword is an error."""

import json
import re

NOTES = {"$schema", "$defs", "title", "description", "default"}
TYPES = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
}


def refuse_duplicates(pairs):
    names = [name for name, _ in pairs]
    if len(names) != len(set(names)):
        raise ValueError("a member stands there twice")
    return dict(pairs)


def parse(text):
    """The document, or None where it is no JSON for the library; a str or bytes."""
    try:
        text = text.decode() if isinstance(text, bytes) else text
        return json.loads(text.removeprefix("\ufeff"), object_pairs_hook=refuse_duplicates)
    except (ValueError, RecursionError):
        return None


def same(a, b):
    """1 and true are two values."""
    return type(a) is type(b) and a == b


class Schema:
    def __init__(self, root):
        self.root = root
        self.keywords = {name[6:]: getattr(self, name) for name in dir(self) if name.startswith("check_")}

    def accepts(self, value, schema=None):
        schema = self.root if schema is None else schema
        if isinstance(schema, bool):
            return schema
        for keyword in schema:
            if keyword not in NOTES | {"then", "else"} and keyword.replace("$", "") not in self.keywords:
                raise ValueError(f"unknown keyword {keyword}")
        return all(self.keywords[keyword.replace("$", "")](schema[keyword], value, schema)
                   for keyword in schema if keyword not in NOTES | {"then", "else"})

    def resolve(self, reference):
        found = self.root
        for name in reference.removeprefix("#/").split("/"):
            found = found[name]
        return found

    def check_ref(self, reference, value, _):
        return self.accepts(value, self.resolve(reference))

    def check_type(self, name, value, _):
        return TYPES[name](value)

    def check_enum(self, values, value, _):
        return any(same(value, each) for each in values)

    def check_const(self, wanted, value, _):
        return same(value, wanted)

    def check_minLength(self, least, value, _):
        return not isinstance(value, str) or len(value) >= least

    def check_maxLength(self, most, value, _):
        return not isinstance(value, str) or len(value) <= most

    def check_pattern(self, pattern, value, _):
        return not isinstance(value, str) or re.search(pattern.replace("$", r"\Z"), value) is not None

    def check_minimum(self, least, value, _):
        return not TYPES["integer"](value) or value >= least

    def check_maximum(self, most, value, _):
        return not TYPES["integer"](value) or value <= most

    def check_minItems(self, least, value, _):
        return not isinstance(value, list) or len(value) >= least

    def check_maxItems(self, most, value, _):
        return not isinstance(value, list) or len(value) <= most

    def check_uniqueItems(self, _, value, __):
        return not isinstance(value, list) or not any(same(a, b) for i, a in enumerate(value) for b in value[:i])

    def check_items(self, schema, value, _):
        return not isinstance(value, list) or all(self.accepts(each, schema) for each in value)

    def check_required(self, names, value, _):
        return not isinstance(value, dict) or all(name in value for name in names)

    def check_properties(self, schemas, value, _):
        return not isinstance(value, dict) or all(
            self.accepts(value[name], schema) for name, schema in schemas.items() if name in value)

    def check_propertyNames(self, schema, value, _):
        return not isinstance(value, dict) or all(self.accepts(name, schema) for name in value)

    def check_additionalProperties(self, schema, value, around):
        known = around.get("properties", {})
        return not isinstance(value, dict) or all(
            self.accepts(each, schema) for name, each in value.items() if name not in known)

    def check_allOf(self, schemas, value, _):
        return all(self.accepts(value, schema) for schema in schemas)

    def check_anyOf(self, schemas, value, _):
        return any(self.accepts(value, schema) for schema in schemas)

    def check_oneOf(self, schemas, value, _):
        return sum(self.accepts(value, schema) for schema in schemas) == 1

    def check_not(self, schema, value, _):
        return not self.accepts(value, schema)

    def check_if(self, schema, value, around):
        return self.accepts(value, around.get("then" if self.accepts(value, schema) else "else", True))
