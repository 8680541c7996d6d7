package serverstest

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAKilledRedisForgets(t *testing.T) {
	s := Redis(t)
	options, err := redis.ParseURL(s.URL)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer func() { assert.NoError(t, client.Close()) }()
	require.NoError(t, client.Set(t.Context(), "k", "v", 0).Err())
	s.Kill(t)
	s.Start(t)
	assert.ErrorIs(t, client.Get(t.Context(), "k").Err(), redis.Nil)
}

func TestARestartedPostgresRemembers(t *testing.T) {
	s := Postgres(t)
	run := func(sql string) {
		conn, err := pgx.Connect(t.Context(), s.URL)
		require.NoError(t, err)
		_, err = conn.Exec(t.Context(), sql)
		require.NoError(t, err)
		require.NoError(t, conn.Close(t.Context()))
	}
	run("CREATE TABLE kept (n int)")
	s.Restart(t)
	run("INSERT INTO kept VALUES (1)")
}
