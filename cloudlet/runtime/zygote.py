"""The process every environment is forked from. It is started by exec with an empty environment and no descriptors but
its control socket, has one thread, and holds what makes Python functions start fast: boto3, imported and warm.

It speaks SOCK_SEQPACKET with the node: first a plan, then one request per environment, whose descriptors (the
environment's own control socket, its output) come along. An environment stands ready, all its processes there, before
anybody knows whose it will be; then it is told, once. Standard library only; the node never imports this module.

    node ── zygote ── supervisor (waits)  ── init (pid 1: reaps)  ── the function's runtime
                      outside the namespaces   inside, privileged      inside, confined
"""

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import sys
from typing import Any

from cloudlet.runtime import bootstrap, linux, own_files, processes, sandbox, warm
from cloudlet.runtime.channel import pair, receive, send


def main(channel: socket.socket, parent: int) -> None:
    linux.die_with_parent(parent)
    plan = receive(channel).body
    assert plan is not None
    try:
        if plan["level"] == "namespaces":
            _enter_user_namespace(channel)
            sandbox.enter_base_root(plan)
            linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)  # a change of credentials clears it
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        warm.warm_up(plan["runtime_dir"])
    except Exception as error:
        with contextlib.suppress(OSError):  # the node may be gone
            send(channel, {"failed": f"{type(error).__name__}: {error}"})
        return
    gc.collect()
    gc.freeze()  # no collection writes to pages the environments share
    send(channel, {"ready": True, "modules": sorted({name.partition(".")[0] for name in sys.modules})})
    _serve(channel, plan)


def _enter_user_namespace(channel: socket.socket) -> None:
    """The node writes the maps: only it may map other users than its own."""
    linux.unshare(linux.CLONE_NEWUSER | linux.CLONE_NEWNS)
    send(channel, {"unshared": True})
    receive(channel)


def _serve(channel: socket.socket, plan: dict[str, Any]) -> None:
    awake = _child_wakeup()
    poll = select.poll()
    poll.register(channel, select.POLLIN)
    poll.register(awake, select.POLLIN)
    while True:
        for fd, _ in poll.poll():
            if fd == awake:
                _drain(awake)
                reap()
                continue
            request = receive(channel)
            if request.body is None:
                return
            if os.fork() == 0:
                channel.close()
                _start_environment(request.body, request.descriptors, plan)
            for descriptor in request.descriptors:
                os.close(descriptor)


def _child_wakeup() -> int:
    """A descriptor that becomes readable when a child ends."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    return reader


def _drain(fd: int) -> None:
    try:
        while os.read(fd, 512):
            pass
    except BlockingIOError:
        pass


def reap(wanted: int = 0) -> int | None:
    """Collect every ended child; the wait status of `wanted` if it is among them."""
    found = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == wanted:
            found = status


def _start_environment(request: dict[str, Any], descriptors: list[int], plan: dict[str, Any]) -> None:
    """In the forked child: never returns."""
    control = socket.socket(fileno=descriptors[0])
    try:
        _restore_signals()
        if plan["level"] == "namespaces":
            linux.die_with_parent(plan["zygote_pid"])
            sandbox.enter_namespaces(plan["private_network"])
            init = os.fork()
            if init != 0:
                control.close()
                os.close(descriptors[1])
                os.waitpid(init, 0)
                os._exit(0)
            linux.die_with_parent(0)
        else:
            os.setsid()
            linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        _init(request, control, descriptors[1], plan)
    except Exception as error:
        send(control, {"failed": f"{type(error).__name__}: {error}"})
    finally:
        os._exit(1)


def _restore_signals() -> None:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)


def _init(request: dict[str, Any], control: socket.socket, output: int, plan: dict[str, Any]) -> None:
    """Process 1 of the environment: sets it up, starts the runtime, reaps, and ends with it or with the node."""
    namespaces = plan["level"] == "namespaces"
    uid = request["uid"] if namespaces else 0
    port = _hand_out_listeners(control, plan)
    if receive(control).body is None:  # by now this process is in its control groups, and so is all it starts
        return
    awake = _child_wakeup()
    ours, theirs = pair()
    runtime = os.fork()
    if runtime == 0:
        control.close()
        ours.close()
        _run(output, plan, uid, theirs)
    theirs.close()
    os.close(output)
    order = receive(control).body
    if order is None:
        return
    if namespaces:
        sandbox.furnish(order, plan, uid)
    tmp = os.open(order["tmp_dir"], os.O_RDONLY | os.O_DIRECTORY)
    send(control, {"ready": True}, [tmp])
    os.close(tmp)
    go = receive(control).body
    if go is None:
        return
    order["ports"].append(port)
    go["environ"]["AWS_LAMBDA_RUNTIME_API"] = f"127.0.0.1:{port}"
    send(ours, order)
    send(ours, go)
    if namespaces:
        linux.drop_capabilities()
    status = _watch(runtime, awake, control, _questions(ours), os.path.realpath(order["tmp_dir"]))
    if not namespaces:
        _kill_descendants()
    if status is not None:
        send(control, {"exited": os.waitstatus_to_exitcode(status)})


def _hand_out_listeners(control: socket.socket, plan: dict[str, Any]) -> int:
    """The port of the Runtime API."""
    listeners = [sandbox.listen(9001 if plan["private_network"] else 0)]
    if plan["private_network"]:
        listeners.append(sandbox.listen(plan["api_port"]))
    port = int(listeners[0].getsockname()[1])
    send(control, {"prepared": True}, [listener.fileno() for listener in listeners])
    for listener in listeners:
        listener.close()
    return port


def _questions(end: socket.socket) -> int | None:
    """Where the runtime's filter asks about its files, once it is confined; None if it doesn't."""
    with end:
        descriptors = socket.recv_fds(end, 1, 1)[1]
    return descriptors[0] if descriptors else None


def _watch(runtime: int, awake: int, control: socket.socket, questions: int | None, tmp: str) -> int | None:
    """Reap until the runtime ends (its wait status) or the node closes the control socket (None)."""
    poll = select.poll()
    poll.register(awake, select.POLLIN)
    poll.register(control, select.POLLIN)
    if questions is not None:
        poll.register(questions, select.POLLIN)
    while True:
        for fd, events in poll.poll():
            if fd == questions:
                if events & select.POLLIN:
                    own_files.serve(questions, tmp)
                else:
                    poll.unregister(questions)  # nobody is left who could ask
                continue
            if fd != awake:
                return None
            _drain(awake)
            status = reap(runtime)
            if status is not None:
                return status


def _kill_descendants() -> None:
    """Without a pid namespace: orphans come to this process (a subreaper), so the tree is all there is to kill."""
    while True:
        children = processes.children(os.getpid())
        if not children:
            return
        for pid in children:
            _kill_tree(pid)
        try:
            while os.waitpid(-1, 0)[0]:
                pass
        except ChildProcessError:
            pass


def _kill_tree(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGSTOP)
        for child in processes.children(pid):
            _kill_tree(child)
        os.kill(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass


def _run(output: int, plan: dict[str, Any], uid: int, init: socket.socket) -> None:
    """The runtime's process: waits to be told what to run, is confined, then Python goes on in place, another program
    by exec. Never returns."""
    code = 1
    try:
        _restore_signals()
        request, go = receive(init).body, receive(init).body
        if request is None or go is None:
            return
        environ = go["environ"]
        nothing = os.open("/dev/null", os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.dup2(init.detach(), 3)
        os.closerange(4, 256)
        os.chdir(environ["LAMBDA_TASK_ROOT"])
        os.environ.clear()
        os.environ.update(environ)
        _hand_over(sandbox.confine(request, plan, uid))
        if request["argv"]:
            os.execve(request["argv"][0], request["argv"], environ)
        forget_ourselves()
        code = bootstrap.run(environ)
    except BaseException as error:
        os.write(2, f"Runtime could not start: {type(error).__name__}: {error}\n".encode())
    finally:
        os._exit(code)


def _hand_over(questions: int | None) -> None:
    """To the init, by descriptor 3; nothing of it stays here."""
    with socket.socket(fileno=3) as init:
        if questions is not None:
            socket.send_fds(init, [b"?"], [questions])
            os.close(questions)


def forget_ourselves() -> None:
    """The function's own `cloudlet` module, if it has one, is the one it imports."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "cloudlet"]:
        del sys.modules[name]
    importlib.invalidate_caches()
