"""The conversion `html-to-pdf` keeps the contract of conversions."""

from __future__ import annotations

from trainer.testing import ConvertContract
from trainer_pdf import HTMLToPDF

PAGE = '<!doctype html><html lang="en"><head><title>{0}</title></head><body><h1>{0}</h1><p>Ä.</p></body></html>'


class TestHTMLToPDF(ConvertContract):
    plugin = HTMLToPDF
    name = "html-to-pdf"
    documents = (PAGE.format("One"), PAGE.format("Other"))
    rounds = 1
    refused = ("x" * 20_000_001,)
