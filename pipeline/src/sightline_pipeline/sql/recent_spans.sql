SELECT sum(Spans) AS spans FROM sightline_red_1m WHERE Time >= {from:DateTime} AND Time < {to:DateTime}
