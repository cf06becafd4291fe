"""A TCP link that is slow, stalls and breaks: between a client and a server on the loopback."""

import asyncio
import random
import threading


class LossyLink:
    """Passes on what comes to its own port. Of the pieces that pass, a share breaks the connection,
    a share waits for a second; all of them wait a little."""

    def __init__(self, port, share, seed=1):
        self.to = port
        self.share = share
        self.random = random.Random(seed)
        self.broken = self.stalled = 0
        self.cut = False  # then nothing passes
        self.loop = asyncio.new_event_loop()
        started = threading.Event()
        self.thread = threading.Thread(target=self.run, args=(started,))
        self.thread.start()
        started.wait()
        self.url = f"http://127.0.0.1:{self.port}"

    def run(self, started):
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            asyncio.start_server(self.connect, "127.0.0.1", 0))
        self.port = server.sockets[0].getsockname()[1]
        started.set()
        self.loop.run_forever()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()

    async def connect(self, reader, writer):
        try:
            if self.cut:
                raise ConnectionError
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(self.carry(reader, far_writer, writer),
                             self.carry(far_reader, writer, far_writer))

    async def carry(self, reader, writer, other):
        """One way, until it ends or breaks; then both ways are broken."""
        try:
            while piece := await reader.read(4096):
                chance = self.random.random()
                if self.cut or chance < self.share / 2:
                    self.broken += 1
                    writer.write(piece[:len(piece) // 2])  # half of it has left already
                    break
                if chance < self.share:
                    self.stalled += 1
                    await asyncio.sleep(1)
                await asyncio.sleep(self.random.uniform(0, 0.02))
                writer.write(piece)
                await writer.drain()
        except OSError:
            pass
        for end in (writer, other):
            end.close()
