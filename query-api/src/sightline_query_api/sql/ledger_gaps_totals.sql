SELECT signal, origin, state, toInt64(sum(messages)) AS messages
FROM gaps
GROUP BY signal, origin, state
