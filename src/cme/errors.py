"""The errors of the product. An error's type is its fate.

==============  ==========================================================================
Transient       certainly not done; a machine tries again later
Misconfigured   certainly not done; tried again, and a person is told, because only a person can mend it
Permanent       certainly not done, and trying again cannot help; a person is told
Ambiguous       may have been done; never tried again by a machine, a person decides
BadInput        what was given cannot be read; one sentence says what, where and what to do
==============  ==========================================================================

Messages never hold what identifies a child: they reach logs and Prefect's state messages.
"""


class CmeError(Exception):
    """Anything this product refuses or cannot do, said in one sentence that a person can act on."""


class Transient(CmeError):
    """Certainly not done. A machine tries again later."""


class Misconfigured(Transient):
    """Certainly not done. Tried again, but a person must act (password, certificate, address, permission)."""


class Permanent(CmeError):
    """Certainly not done, and trying again cannot help: a person is told."""


class Ambiguous(CmeError):
    """May have been done. Never tried again by a machine: a person decides."""


class BadInput(Permanent):
    """Input that cannot be read: the sentence says what, where and what to do."""
