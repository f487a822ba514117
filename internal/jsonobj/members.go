package jsonobj

import (
	"bytes"
	"slices"
)

// members are those of one object in the output, from its opening bracket to its closing one. The objects around it have
// theirs before them in the output's list.
type members struct {
	start    int // of the first member in the output
	base     int // of the first member in the list
	unsorted bool
}

// member is where one "key":value stands in the output.
type member struct{ start, colon, end int }

func (o *output) openObject() members {
	o.text = append(o.text, '{')
	return members{start: len(o.text), base: len(o.members)}
}

// beginMember is called before a key is appended. It returns the member for endKey and endMember.
func (o *output) beginMember(m *members) int {
	o.separator(len(o.members) == m.base)
	if o.members == nil {
		o.members = make([]member, 0, 16)
	}
	o.members = append(o.members, member{start: len(o.text)})
	return len(o.members) - 1
}

// endKey is called after a key and before its value.
func (o *output) endKey(m *members, i int) {
	o.members[i].colon = len(o.text)
	if i > m.base && !m.unsorted {
		m.unsorted = compareKeys(o.key(o.members[i-1]), o.key(o.members[i])) >= 0
	}
	o.text = append(o.text, ':')
}

// endMember is called after a value.
func (o *output) endMember(i int) { o.members[i].end = len(o.text) }

func (o *output) key(m member) []byte { return o.text[m.start:m.colon] }

func (o *output) closeObject(m *members) error {
	if m.unsorted {
		o.sort(m)
	}
	o.members = o.members[:m.base]
	return o.literal("}")
}

// sort writes the members again, in order, of equal keys the last.
func (o *output) sort(m *members) {
	list := o.members[m.base:]
	slices.SortStableFunc(list, func(a, b member) int { return compareKeys(o.key(a), o.key(b)) })
	text := o.spare[:0]
	for i, one := range list {
		if i+1 < len(list) && bytes.Equal(o.key(one), o.key(list[i+1])) {
			continue
		}
		if len(text) > 0 {
			text = append(text, ',')
		}
		text = append(text, o.text[one.start:one.end]...)
	}
	o.text, o.spare = append(o.text[:m.start], text...), text
}

// compareKeys orders quoted canonical keys as their decoded forms are ordered. A canonical escape stands for one byte.
func compareKeys(a, b []byte) int {
	a, b = a[1:len(a)-1], b[1:len(b)-1]
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return bytes.Compare(a, b)
	}
	for len(a) > 0 && len(b) > 0 {
		x, n := decodedByte(a)
		y, m := decodedByte(b)
		if x != y {
			return int(x) - int(y)
		}
		a, b = a[n:], b[m:]
	}
	return len(a) - len(b)
}

// decodedByte returns the first byte of a canonical string's text, and how long its spelling is.
func decodedByte(text []byte) (byte, int) {
	if text[0] != '\\' {
		return text[0], 1
	}
	r, n, _ := unescape(text) // canonical text has no escape that fails
	return byte(r), n
}
