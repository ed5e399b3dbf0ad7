"""redis-py as it comes, sync and asyncio, RESP2 and RESP3, against a server: clients.py PORT PASSPORT"""
import asyncio
import sys

import redis
import redis.asyncio

port, passport = int(sys.argv[1]), sys.argv[2]


def field(receipt, name):
    """A field of a receipt: a map in RESP3, a flat list in RESP2."""
    return receipt[name] if isinstance(receipt, dict) else dict(zip(receipt[::2], receipt[1::2]))[name]


def synchronous(protocol):
    user = f"u_sync{protocol}"
    client = redis.Redis(
        port=port, username="default", password=passport, protocol=protocol, decode_responses=True, client_name="tests"
    )
    assert client.ping()
    assert client.echo("hello") == "hello"
    assert client.client_id() > 0
    assert client.client_getname() == "tests"
    assert client.dbsize() >= 1
    assert client.info("server")["tcp_port"] == port
    commands = client.command()
    assert "credit" in commands and client.command_count() == len(commands)
    client.execute_command("USER CREATE", f"{user}@example.com", "ID", user, "TYPE", "pro")
    client.execute_command("CREDIT PURCHASE", user, "25", "stripe")
    pipeline = client.pipeline(transaction=False)
    for _ in range(1000):
        pipeline.execute_command("CREDIT", "CHARGE", user, "0.001", "api")
    receipts = pipeline.execute()
    assert len(receipts) == 1000
    numbers = [int(field(receipt, "lsn")) for receipt in receipts]
    assert numbers == sorted(numbers) and len(set(numbers)) == 1000
    assert field(receipts[-1], "available") == "24.00"
    assert field(client.execute_command("CREDIT", "BALANCE", user), "available") == "24.00"
    # A default pipeline is a transaction: its commands are carried out as one, a refusal is an answer in its place.
    charges = client.pipeline()
    charges.execute_command("CREDIT", "CHARGE", user, "1", "api")
    charges.execute_command("CREDIT", "CHARGE", user, "1000", "api")
    charges.execute_command("CREDIT", "GRANT", user, "1", "REASON", "back")
    answers = charges.execute(raise_on_error=False)
    assert field(answers[0], "available") == "23.00" and field(answers[2], "available") == "24.00", answers
    assert isinstance(answers[1], redis.ResponseError) and "INSUFFICIENT" in str(answers[1]), answers
    # One that is too large is refused, and nothing of it is done.
    try:
        charges = client.pipeline()
        for _ in range(20_000):
            charges.execute_command("CREDIT", "CHARGE", user, "0.001", "api")
        charges.execute()
        raise SystemExit("a transaction of 20,000 commands was accepted")
    except redis.RedisError as error:
        assert "transaction=False" in str(error), error
    assert field(client.execute_command("CREDIT", "BALANCE", user), "available") == "24.00"
    # Somebody else's change of a watched user, and none.
    for other in (True, False):
        with client.pipeline() as watching:
            watching.watch(user)
            if other:
                client.execute_command("CREDIT", "CHARGE", user, "1", "api")
            watching.multi()
            watching.execute_command("CREDIT", "GRANT", user, "1", "REASON", "back")
            try:
                watching.execute()
                assert not other
            except redis.WatchError:
                assert other
    assert field(client.execute_command("CREDIT", "BALANCE", user), "available") == "24.00"
    # Scripts: by their source, by their name, and with a key once.
    script = client.register_script("return ledger.charge(KEYS[#KEYS], ARGV[1], 'api').available")
    for keys in ([user], [f"key:{user}", user], [f"key:{user}", user]):
        last = script(keys=keys, args=["0.5"])
    assert last == "23.00", last
    assert client.eval("return { ARGV[1], 7 }", 0, "x") == ["x", 7]
    assert client.script_exists(script.sha) == [True]
    try:
        client.eval("ledger.charge(ARGV[1], '1', 'api') error('no')", 0, user)
        raise SystemExit("a script that failed gave an answer")
    except redis.ResponseError as error:
        assert "no" in str(error), error
    client.execute_command("CREDIT", "GRANT", user, "1", "REASON", "back")
    assert field(client.execute_command("CREDIT", "BALANCE", user), "available") == "24.00"
    # Everything is written before anything is read.
    pipeline = client.pipeline(transaction=False)
    for _ in range(20_000):
        pipeline.execute_command("CREDIT", "CHARGE", user, "0.0001", "api")
    receipts = pipeline.execute()
    numbers = [int(field(receipt, "lsn")) for receipt in receipts]
    assert len(numbers) == 20_000 and numbers == sorted(set(numbers))
    assert field(client.execute_command("CREDIT", "BALANCE", user), "available") == "22.00"
    client.close()


async def asynchronous(protocol):
    user = f"u_async{protocol}"
    client = redis.asyncio.Redis(port=port, password=passport, protocol=protocol, decode_responses=True)
    await client.execute_command("USER", "CREATE", f"{user}@example.com", "ID", user, "TYPE", "pro")
    await client.execute_command("CREDIT", "PURCHASE", user, "25", "stripe")
    receipts = await asyncio.gather(
        *(client.execute_command("CREDIT", "CHARGE", user, "0.01", "api", "KEY", f"{user}-{n}") for n in range(50))
    )
    assert len({field(receipt, "id") for receipt in receipts}) == 50
    again = await client.execute_command("CREDIT", "CHARGE", user, "0.01", "api", "KEY", f"{user}-7")
    assert int(field(again, "replayed")) == 1
    balance = await client.execute_command("CREDIT", "BALANCE", user)
    assert field(balance, "available") == "24.50"
    charged = await client.pipeline().execute_command("CREDIT", "CHARGE", user, "1", "api").execute()
    assert field(charged[0], "available") == "23.50"
    assert await client.eval("return ledger.credit.balance(KEYS[1]).available", 1, user) == "23.50"
    await client.aclose()


for protocol in (2, 3):
    synchronous(protocol)
    asyncio.run(asynchronous(protocol))
print("all well with redis-py", redis.__version__)
