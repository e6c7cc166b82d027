"""Fixtures of the graph: a toy domain, students that count words."""

from tests.graph.conftest import toy_domain as toy_domain
from tests.graph.conftest import word_students as word_students
