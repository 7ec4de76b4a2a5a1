SELECT $columns FROM sightline_dead_letters_now WHERE Id = {id:String}
