"""The demo: a shop of seven services, a message broker and its shoppers, observed by Sightline.

    shoppers ─▶ storefront ─┬▶ catalog ──▶ (SQLite)
                            ├▶ cart ─────▶ catalog
                            ├▶ inventory ▶ (SQLite)    slow for a while every five minutes
                            ├▶ payment ──▶ card provider    declines, and times out now and then
                            └▶ broker ┄┄▶ shipping ┄┄▶ broker ┄┄▶ notifications

Every box is a process; solid arrows are HTTP, dotted ones messages.
"""
