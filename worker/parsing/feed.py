"""Walk through the items of an XML feed of any length, one at a time."""

from collections.abc import Iterator
from typing import Any

from worker.core.errors import ParseError
from worker.parsing import xml
from worker.parsing.source import Source


def items(source: Source, *names: str) -> Iterator[tuple[Any, Any]]:
    """Each element of one of these local names, with the root so far; both keep their namespaces.

    An item is taken out of the tree once the next is asked for. Raises ParseError for broken XML.
    """
    from lxml import etree

    events = etree.iterparse(
        source.buffered(), events=("end",), tag=[f"{{*}}{name}" for name in names], resolve_entities=False,
        no_network=True, load_dtd=False, huge_tree=False, remove_comments=True, remove_pis=True,
    )  # fmt: skip
    try:
        for _, item in events:
            yield item, item.getroottree().getroot()
            parent = item.getparent()
            item.clear(keep_tail=False)
            if parent is not None:
                parent.remove(item)
    except etree.XMLSyntaxError as error:
        raise ParseError(f"{source.name}: {xml.explain(error)}") from None
