package queue

// Abandon ends all that q does by itself, as if its process had been killed.
func (q *Queue) Abandon() {
	q.stop()
	q.stopped.Wait()
}
