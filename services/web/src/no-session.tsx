import ForumIcon from '@mui/icons-material/ForumOutlined';
import Box from '@mui/material/Box';
import Typography from '@mui/material/Typography';

/** What is shown in place of the chat while no session is open. */
export function NoSession() {
  return (
    <Box sx={{ m: 'auto', p: 4, textAlign: 'center', color: 'text.secondary' }}>
      <ForumIcon aria-hidden sx={{ fontSize: 56, opacity: 0.5 }} />
      <Typography variant="h6" component="p">
        No session is open
      </Typography>
      <Typography variant="body2">Add a session, or select one of the list, to chat in it.</Typography>
    </Box>
  );
}
