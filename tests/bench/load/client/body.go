package main

import (
	"bytes"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"strings"
)

// A body of a kind and size: what stands before the filler, how much filler, what stands after it.
type shape struct {
	contentType   string
	before, after []byte
	filler        int64
	block         []byte
}

func (s *shape) size() int64 { return int64(len(s.before)) + s.filler + int64(len(s.after)) }

// open gives the body anew; halt, where given, is called between the filler and what follows it.
func (s *shape) open(halt func()) io.Reader {
	parts := []io.Reader{bytes.NewReader(s.before), &repeated{block: s.block, left: s.filler}}
	if halt != nil {
		parts = append(parts, &pause{halt})
	}
	return io.MultiReader(append(parts, bytes.NewReader(s.after))...)
}

type repeated struct {
	block []byte
	left  int64
	at    int
}

func (r *repeated) Read(into []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := copy(into[:min(int64(len(into)), r.left)], r.block[r.at:])
	r.at = (r.at + n) % len(r.block)
	r.left -= int64(n)
	return n, nil
}

type pause struct{ halt func() }

func (p *pause) Read([]byte) (int, error) {
	p.halt()
	return 0, io.EOF
}

const transcript = "Thanks for joining. The first point is the schedule of the migration, then the open questions. "

// body makes `none`, `octets` (a recording), `json` (a chat call), `multipart` (a file, its purpose after it).
func body(kind string, size int64, purpose string) *shape {
	block := make([]byte, 1<<20)
	source := rand.New(rand.NewPCG(1, 2))
	for i := range block {
		block[i] = byte(source.Uint32())
	}
	switch kind {
	case "octets":
		return &shape{contentType: "application/octet-stream", filler: size, block: block}
	case "json":
		before := `{"model": "gpt-4.1", "temperature": 0, "messages": [{"role": "user", "content": "`
		after := `"}]}`
		return &shape{
			contentType: "application/json", before: []byte(before), after: []byte(after),
			filler: max(0, size-int64(len(before)+len(after))), block: []byte(transcript),
		}
	case "multipart":
		var form bytes.Buffer
		writer := multipart.NewWriter(&form)
		writer.SetBoundary("b0undary" + strings.Repeat("7", 32))
		file, _ := writer.CreateFormFile("file", "meeting.mp4")
		file.Write([]byte("\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2"))
		split := form.Len()
		writer.WriteField("purpose", purpose)
		writer.Close()
		whole := form.Bytes()
		return &shape{
			contentType: writer.FormDataContentType(), before: whole[:split], after: whole[split:],
			filler: size, block: block,
		}
	}
	return nil
}
