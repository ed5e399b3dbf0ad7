#!/usr/bin/env python3
"""The usage examples 2 to 6 of the system that Florin implements, in order, by redis-py as it comes.

    FLORIN_PASSPORT=fl_... Scripts/seed-examples.py [HOST:]PORT

Needs a running server and a passport with admin, billing and write; prints what the examples print and exits with 0
only if every figure is what it must be. May be run again: it makes a user of its own each time.
"""
import os
import sys
import time
import uuid
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import redis


def connect():
    where = sys.argv[1] if len(sys.argv) > 1 else "7411"
    host, _, port = where.rpartition(":")
    return redis.Redis(
        host=host or "127.0.0.1",
        port=int(port),
        password=os.environ["FLORIN_PASSPORT"],
        protocol=3,
        decode_responses=True,
    )


def money(text):
    return Decimal(text)


def expect(what, value, expected):
    if value != expected:
        sys.exit(f"{what}: {value!r}, expected {expected!r}")


def main():
    db = connect()
    run = uuid.uuid4().hex[:8]
    user_id = f"u_{run}"
    db.execute_command("USER", "CREATE", f"user-{run}@example.com", "ID", user_id, "NAME", "John Doe", "TYPE", "pro")

    print("2. API key (passport) management")
    passport = db.execute_command("PASSPORT", "CREATE", user_id, "Production API Key", "read,write,billing")
    user_info = db.execute_command("PASSPORT", "VERIFY", passport["secret"])
    print(f"   Authenticated user: {user_info['email']}")
    print(f"   Credits: ${money(user_info['available']):.2f}")
    expect("e-mail", user_info["email"], f"user-{run}@example.com")
    expect("permissions", user_info["permissions"], "read,write,billing")

    print("3. Credit purchase")
    purchase = db.execute_command("CREDIT", "PURCHASE", user_id, "25.00", "stripe", "REF", f"pi_{run}")
    print(f"   Purchased {money(purchase['total']):.2f} credits for ${purchase['amount']}")
    expect("total", money(purchase["total"]), Decimal(25))
    try:
        db.execute_command("CREDIT", "PURCHASE", user_id, "25.00", "stripe", "REF", f"pi_{run}")
        sys.exit("the same payment was credited twice")
    except redis.ResponseError as error:
        print(f"   The same payment once more: {error}")

    print("4. Session billing")
    session_id = f"session-{run}"
    billing_info = db.execute_command("SESSION", "START", session_id, user_id, "medium")
    print(f"   Running at ${billing_info['rate']} an hour, ${billing_info['held']} held")
    expect("rate", money(billing_info["rate"]), Decimal("0.0375"))
    time.sleep(0.2)
    final_billing = db.execute_command("SESSION", "STOP", session_id)
    print(f"   Session cost: ${money(final_billing['amount']):.9f} for {final_billing['seconds']} s")
    cost = money(final_billing["amount"])
    if cost <= 0:
        sys.exit("the session was free")

    print("5. Space purchase")
    _, spaces = db.execute_command("SPACE", "LIST")
    print("   Available: " + ", ".join(f"{space['space']} ${space['cost']}" for space in spaces))
    user_space = db.execute_command("SPACE", "PURCHASE", user_id, "ml-ready", f"ws-{run}", "my-ml-dataset")
    print(f"   Purchased {user_space['instance']} for ${user_space['amount']}")
    expect("price", money(user_space["amount"]), Decimal(5))

    print("6. Billing summary")
    end = datetime.now(timezone.utc) + timedelta(minutes=1)
    start = end - timedelta(days=30)
    moment = "%Y-%m-%dT%H:%M:%SZ"
    summary = db.execute_command(
        "USER", "SUMMARY", user_id, "FROM", start.strftime(moment), "TO", end.strftime(moment)
    )
    print(f"   Current balance: ${money(summary['current_balance']):.2f}")
    print(f"   Total spent: ${money(summary['total_spent']):.2f}")
    expect("spent", money(summary["total_spent"]), Decimal(5) + cost)
    expect("balance", money(summary["current_balance"]), Decimal(20) - cost)

    print("Creating a session: passport, funds, price and hold in one step")
    admitted = db.execute_command(
        "SESSION", "ADMIT", passport["secret"], f"admitted-{run}", "large", "TTL", "8h", "HEARTBEAT", "1m"
    )
    print(f"   {admitted['email']} may run until {admitted['lease_until']}; credit lasts until {admitted['empty_at']}")
    expect("user", admitted["user"], user_id)
    db.execute_command("SESSION", "CANCEL", f"admitted-{run}", "REASON", "only an example")

    db.execute_command("PASSPORT", "REVOKE", passport["passport"])
    try:
        db.execute_command("SESSION", "ADMIT", passport["secret"], f"refused-{run}", "small")
        sys.exit("a revoked passport was admitted")
    except redis.RedisError as error:
        print(f"   With the passport revoked: {error}")


if __name__ == "__main__":
    main()
