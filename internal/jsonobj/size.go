package jsonobj

// Size is the object's length as Postgres prints a jsonb: with one space after each comma and each colon.
func (o Object) Size() int {
	size := 2
	for i, m := range o.members {
		if i > 0 {
			size += 2
		}
		size += len(m.quote) + 2 + spacedLen(m.Value)
	}
	return size
}

// Exceeds reports whether Size is more than limit, mostly without counting every comma.
func (o Object) Exceeds(limit int) bool {
	compact := 2
	for _, m := range o.members {
		compact += len(m.quote) + len(m.Value) + 4
	}
	// Each space of Size follows a comma or colon that is counted here.
	if 2*compact <= limit {
		return false
	}
	return o.Size() > limit
}

// spacedLen is a value's length without the white space it may have, and with a space after each comma and colon.
func spacedLen(value []byte) int {
	if len(value) > 0 && value[0] != '{' && value[0] != '[' {
		return len(value)
	}
	n := 0
	for i := 0; i < len(value); i++ {
		switch value[i] {
		case ' ', '\t', '\n', '\r':
		case ',', ':':
			n += 2
		case '"':
			end := i + stringLen(value[i:])
			n += end - i
			i = end - 1
		default:
			n++
		}
	}
	return n
}
