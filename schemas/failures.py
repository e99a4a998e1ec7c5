"""Endings that a sentence explains, each with the exit status that README's table gives it."""

from schemas import exit_status


class Failure(Exception):
    """An ending whose message tells a person what happened and what to do; the traceback is for the log.

    Attributes:
        exit_status: of a command or a container that ends with it.
        final: whether another attempt would end the same.
    """

    exit_status = exit_status.FAILED
    final = False


class TrainingDiverged(Failure):
    """The loss is not a number any more."""

    final = True


class ServiceUnavailable(Failure):
    """Something on the network that the command needs does not answer: Kubeflow, a Beam cluster, a download."""


class CanaryUnfinished(Failure):
    """The process that tries an exported model took too long or was killed; of the model this says nothing."""


class NotBlessed(Failure):
    """The run finished and its model must not serve."""

    exit_status = exit_status.NOT_BLESSED
    final = True


class PhotographsUnread(Failure):
    """Some of the photographs that a model was asked about can't be read; the others have their answers."""

    exit_status = exit_status.PHOTOGRAPHS_UNREAD
    final = True


class RunStopped(Failure):
    """A person stopped the run; the message says so and what is kept."""
