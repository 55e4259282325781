"""A page in HTML, parsed with a check of the nesting."""

from html.parser import HTMLParser


class Page(HTMLParser):
    """Elements with their attributes in order, and the text in each kind of element."""

    EMPTY = ("meta", "img")

    def __init__(self, content):
        super().__init__()
        self.open, self.elements, self.text = [], [], {}
        self.feed(content)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        assert tag in self.EMPTY
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.text.setdefault(self.open[-1], []).append(data.strip())

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]
