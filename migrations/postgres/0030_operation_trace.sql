-- The trace that an operation belongs to (W3C Trace Context): its runs, and what is told at its end, go on in it.
ALTER TABLE operation ADD COLUMN traceparent TEXT;
ALTER TABLE operation ADD COLUMN tracestate TEXT;
