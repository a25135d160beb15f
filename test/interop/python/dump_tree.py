"""CPython's own parse of Python files, in the words of Quantscope's tree, as JSON lines.

Usage: dump_tree.py FILE…: for each file one line: {"digest": sha256 of the tree's canonical JSON, "nodes": count}.
dump_tree.py --tree FILE prints the tree itself, dump_tree.py --torch the paths of torch.nn's own sources.

The tree is what src/engine/forward/syntax/ast.ts says; what it leaves out is {"kind": "Unsupported"}.
"""
import ast
import hashlib
import json
import pathlib
import struct
import sys

BINARY = {"Add": "+", "Sub": "-", "Mult": "*", "Div": "/", "FloorDiv": "//", "Mod": "%", "Pow": "**", "MatMult": "@",
          "BitAnd": "&", "BitOr": "|", "BitXor": "^", "LShift": "<<", "RShift": ">>"}
COMPARE = {"Eq": "==", "NotEq": "!=", "Lt": "<", "LtE": "<=", "Gt": ">", "GtE": ">=", "Is": "is", "IsNot": "is not",
           "In": "in", "NotIn": "not in"}
UNARY = {"USub": "-", "UAdd": "+", "Invert": "~", "Not": "not"}
WORDS = {"AsyncFunctionDef": "async def", "AsyncFor": "async for", "AsyncWith": "async with", "Await": "await",
         "Delete": "del", "Global": "global", "Nonlocal": "nonlocal", "Match": "match", "Try": "try", "TryStar": "try",
         "NamedExpr": ":=", "Yield": "yield", "YieldFrom": "yield from", "TypeAlias": "type", "TemplateStr": "a template string"}
END = 2**53 - 1
name = lambda node: type(node).__name__
# Python before 3.12 gives the parts of an f-string places of their own: places inside are not compared.
inside = 0


def at(node, **fields):
    place = {"line": 0, "column": 0} if inside else {"line": node.lineno, "column": node.col_offset}
    return {**{k: v for k, v in fields.items() if v is not None}, **place}


def unsupported(node, what=None):
    return at(node, kind="Unsupported", what=what or WORDS.get(name(node), name(node)))


def number(value):
    """The bits of the float64: no question of how it is written."""
    return struct.pack(">d", float(value)).hex()


def literal(node):
    value = node.value
    if value is None:
        return at(node, kind="Literal", type="none")
    if value is Ellipsis:
        return at(node, kind="Literal", type="ellipsis")
    if isinstance(value, bool):
        return at(node, kind="Literal", type="bool", value=value)
    if isinstance(value, str):
        return at(node, kind="Literal", type="str", value=value)
    if isinstance(value, bytes):
        return unsupported(node, "bytes")
    if isinstance(value, complex):
        return unsupported(node, "a complex number")
    if isinstance(value, int) and value > END:
        if value in (2**63, 2**63 - 1):
            return at(node, kind="Literal", type="int", value=number(END))
        return unsupported(node, "a whole number beyond 2^53")
    return at(node, kind="Literal", type="float" if isinstance(value, float) else "int", value=number(value))


def many(nodes):
    return [expression(node) for node in nodes]


def maybe(node):
    return None if node is None else expression(node)


def clean(fields):
    return {k: v for k, v in fields.items() if v is not None}


def parameters(node):
    def one(arg, value):
        return at(arg, name=arg.arg, default=maybe(value))

    positional = node.posonlyargs + node.args
    defaults = [None] * (len(positional) - len(node.defaults)) + node.defaults
    return clean({
        "positional": [one(*pair) for pair in zip(positional, defaults)],
        "rest": node.vararg and node.vararg.arg,
        "keywordOnly": [one(*pair) for pair in zip(node.kwonlyargs, node.kw_defaults)],
        "keywords": node.kwarg and node.kwarg.arg,
    })


def parts(values):
    global inside
    inside += 1
    result = []
    for part in values:
        if isinstance(part, ast.Constant):
            result.append(str(part.value))
        else:
            conversion = {114: "r", 115: "s"}.get(part.conversion)
            spec = [] if part.format_spec is None else parts(part.format_spec.values)
            result.append(clean({"value": expression(part.value), "conversion": conversion, "spec": spec}))
    inside -= 1
    return result


def unary(node):
    operand, operator = expression(node.operand), UNARY[name(node.op)]
    if operator == "-" and operand["kind"] == "Literal" and operand["type"] in ("int", "float"):
        (value,) = struct.unpack(">d", bytes.fromhex(operand["value"]))
        value = -value
        return {**operand, "value": number(0.0 if operand["type"] == "int" and value == 0 else value)}
    return at(node, kind="Unary", operator=operator, operand=operand)


def comprehension(node):
    kinds = {"ListComp": "list", "SetComp": "set", "DictComp": "dict", "GeneratorExp": "generator"}
    is_dict = isinstance(node, ast.DictComp)
    generators = [{"target": expression(g.target), "iterable": expression(g.iter), "conditions": many(g.ifs)} for g in node.generators]
    return at(node, kind="Comprehension", result=kinds[name(node)], key=expression(node.key) if is_dict else None,
              element=expression(node.value if is_dict else node.elt), generators=generators)


def expression(node):
    kind = name(node)
    if kind == "Constant":
        return literal(node)
    if kind == "Name":
        return at(node, kind="Name", id=node.id)
    if kind == "Attribute":
        return at(node, kind="Attribute", value=expression(node.value), attribute=node.attr)
    if kind == "Subscript":
        return at(node, kind="Subscript", value=expression(node.value), index=expression(node.slice))
    if kind == "Slice":
        return at(node, kind="Slice", lower=maybe(node.lower), upper=maybe(node.upper), step=maybe(node.step))
    if kind == "Call":
        keywords = [clean({"name": k.arg, "value": expression(k.value)}) for k in node.keywords]
        return at(node, kind="Call", callee=expression(node.func), args=many(node.args), keywords=keywords)
    if kind == "BinOp":
        return at(node, kind="Binary", operator=BINARY[name(node.op)], left=expression(node.left), right=expression(node.right))
    if kind == "UnaryOp":
        return unary(node)
    if kind == "Compare":
        return at(node, kind="Compare", left=expression(node.left), operators=[COMPARE[name(op)] for op in node.ops], comparators=many(node.comparators))
    if kind == "BoolOp":
        return at(node, kind="Logical", operator=name(node.op).lower(), values=many(node.values))
    if kind == "IfExp":
        return at(node, kind="Conditional", test=expression(node.test), body=expression(node.body), orElse=expression(node.orelse))
    if kind in ("Tuple", "List", "Set"):
        return at(node, kind=kind, items=many(node.elts))
    if kind == "Dict":
        entries = [clean({"key": maybe(k), "value": expression(v)}) for k, v in zip(node.keys, node.values)]
        return at(node, kind="Dict", entries=entries)
    if kind == "Starred":
        return at(node, kind="Starred", value=expression(node.value))
    if kind == "Lambda":
        return at(node, kind="Lambda", parameters=parameters(node.args), body=expression(node.body))
    if kind in ("ListComp", "SetComp", "DictComp", "GeneratorExp"):
        return comprehension(node)
    if kind == "JoinedStr":
        return at(node, kind="FormatString", parts=parts(node.values))
    return unsupported(node)


def annotation(node, depth=0):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return node.attr
    if isinstance(node, ast.Subscript) and depth < 4:
        return "%s[%s]" % (annotation(node.value, depth + 1), annotation(node.slice, depth + 1))
    return ""


def body(nodes):
    return [statement(node) for node in nodes]


def statement(node):
    kind = name(node)
    if kind == "FunctionDef":
        return at(node, kind="Function", name=node.name, parameters=parameters(node.args), body=body(node.body), decorators=many(node.decorator_list))
    if kind == "ClassDef":
        return at(node, kind="Class", name=node.name, bases=many(node.bases), keywords=[k.arg or "**" for k in node.keywords],
                  body=body(node.body), decorators=many(node.decorator_list))
    if kind == "Assign":
        return at(node, kind="Assign", targets=many(node.targets), value=expression(node.value))
    if kind == "AugAssign":
        return at(node, kind="AugmentedAssign", target=expression(node.target), operator=BINARY[name(node.op)], value=expression(node.value))
    if kind == "AnnAssign":
        return at(node, kind="AnnotatedAssign", target=expression(node.target), value=maybe(node.value), annotation=annotation(node.annotation))
    if kind == "Expr":
        return at(node, kind="Expression", value=expression(node.value))
    if kind == "Return":
        return at(node, kind="Return", value=maybe(node.value))
    if kind in ("If", "While"):
        return at(node, kind=kind, test=expression(node.test), body=body(node.body), orElse=body(node.orelse))
    if kind == "For":
        return at(node, kind="For", target=expression(node.target), iterable=expression(node.iter), body=body(node.body), orElse=body(node.orelse))
    if kind == "Raise":
        return at(node, kind="Raise", value=maybe(node.exc))
    if kind == "Assert":
        return at(node, kind="Assert", test=expression(node.test), message=maybe(node.msg))
    if kind == "With":
        return at(node, kind="With", contexts=[expression(i.context_expr) for i in node.items], body=body(node.body))
    if kind in ("Import", "ImportFrom"):
        origin = "" if kind == "Import" else "." * node.level + (node.module or "")
        names = [{"name": n.name, "as": n.asname or (n.name.split(".")[0] if origin == "" else n.name)} for n in node.names]
        return at(node, kind="Import", **{"from": origin}, names=names)
    if kind in ("Pass", "Break", "Continue"):
        return at(node, kind=kind)
    if kind == "Try" and not node.orelse and not node.finalbody and len(node.handlers) == 1 and name(node.body[0]).startswith("Import"):
        tried = body(node.body)
        if all(one["kind"] in ("Import", "Assign") for one in tried):
            return at(node, kind="OptionalImport", body=tried, orElse=body(node.handlers[0].body))
    return unsupported(node)


def count(tree):
    if isinstance(tree, dict):
        return ("kind" in tree) + sum(count(v) for v in tree.values())
    return sum(count(v) for v in tree) if isinstance(tree, list) else 0


def tree_of(path):
    with open(path, encoding="utf-8-sig") as file:
        return body(ast.parse(file.read()).body)


def canonical(tree):
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


if __name__ == "__main__":
    if sys.argv[1] == "--tree":
        print(canonical(tree_of(sys.argv[2])))
    elif sys.argv[1] == "--torch":
        import torch

        root = pathlib.Path(torch.nn.__file__).parent
        print(json.dumps([str(p) for p in sorted(root.glob("modules/*.py")) + [root / "functional.py", root / "init.py"]]))
    else:
        for path in sys.argv[1:]:
            tree = tree_of(path)
            print(json.dumps({"digest": hashlib.sha256(canonical(tree).encode()).hexdigest(), "nodes": count(tree)}))
