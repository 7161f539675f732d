"""What is raised when a policy, a signature or an authorisation cannot be accepted."""


class PolicyError(ValueError):
    """Refused; the message is one sentence for the user and says how to mend it."""


class SignatureError(PolicyError):
    """A signature, or a list of who may sign, that is not accepted."""
