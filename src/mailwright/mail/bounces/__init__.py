"""What came back: bounces in the standard form and in any other, complaints, reports, automatic answers.

Standards: RFC 3464 and 6522, RFC 5965, RFC 3463, RFC 3834; for what follows no standard, the words that mail systems use.
Pure; never raises; linear and bounded. Each recipient comes with a class, a reason and a remedy, out of tables of facts
(replies.csv: what providers and standards say; words.csv: what mail systems say without a code).
Not here: whether a report may be believed, what becomes of the delivery (core/returning.py).
"""

from mailwright.mail.bounces.explain import as_json, explain, refusal
from mailwright.mail.bounces.model import Action, Bounced, Class, Explanation, Kind, Reading
from mailwright.mail.bounces.read import read

__all__ = ["Action", "Bounced", "Class", "Explanation", "Kind", "Reading", "as_json", "explain", "read", "refusal"]
