"""What came of one recipient: one set of values for the session that hears it and the product that acts on it."""

from mailwright.core import ports
from mailwright.mail.outcomes import Deferred, Delivered, Rejected, Unknown
from mailwright.wire import smtp_client


def test_the_session_and_the_product_mean_the_same():
    for kind in (Delivered, Deferred, Rejected, Unknown):
        assert kind is getattr(ports, kind.__name__) is getattr(smtp_client, kind.__name__)
