SELECT signal, origin, first, last, messages, after, before, state
FROM gaps
ORDER BY before DESC, signal, origin, first
LIMIT {limit:UInt32}
